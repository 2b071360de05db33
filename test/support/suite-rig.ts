/** Rigs and databases that open and close with the suite that asks for them, or with each of its tests. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { openRig, type Rig } from './orchestrator.ts';
import { type FreshDatabase, freshDatabase } from './postgres.ts';

/** One for all tests of the suite. It is there once the hooks before the tests run. */
export function databaseOfSuite(): Pick<FreshDatabase, 'connectionString'> {
  let database: FreshDatabase | undefined;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database?.drop());
  return {
    get connectionString() {
      return opened(database).connectionString;
    },
  };
}

/** One rig, and one database, for all tests of the suite. */
export function rigOfSuite(): Rig {
  const database = databaseOfSuite();
  let rig: Rig | undefined;
  beforeAll(async () => {
    rig = await openRig(database.connectionString);
  });
  afterAll(() => rig?.close());
  return following(() => opened(rig));
}

/** Each test has a rig, which is an environment, of its own; in a database of its own where it looks at all that there is. */
export function rigOfEachTest({ ownDatabase = false } = {}): Rig {
  const shared = ownDatabase ? undefined : databaseOfSuite();
  let rig: Rig | undefined;
  beforeEach(async () => {
    const own = shared === undefined ? await freshDatabase() : undefined;
    const open = await openRig((shared ?? opened(own)).connectionString);
    rig = open;
    return async () => {
      await open.close();
      await own?.drop();
    };
  });
  return following(() => opened(rig));
}

/** The rig that is open now. */
function following(rig: () => Rig): Rig {
  return {
    get db() {
      return rig().db;
    },
    get scopeId() {
      return rig().scopeId;
    },
    get runs() {
      return rig().runs;
    },
    get catalog() {
      return rig().catalog;
    },
    get workdir() {
      return rig().workdir;
    },
    file: (content) => rig().file(content),
    open: (options) => rig().open(options),
    close: () => rig().close(),
  };
}

function opened<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('it is there once the hooks before the tests run');
  return found;
}
