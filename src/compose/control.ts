/** The control store of an environment: the server that its settings name, or the project's embedded one. */
import { resolveEnv } from '../lib/secret.ts';
import type { FactsStore } from '../stores/control/facts.ts';
import type { Scope, StateStore } from '../stores/control/state.ts';
import { openControlDatabase } from '../stores/postgres/control-database.ts';
import type { Database } from '../stores/postgres/database.ts';
import { migrate } from '../stores/postgres/migrate.ts';
import { openFacts } from '../stores/postgres/postgres-facts.ts';
import { openState } from '../stores/postgres/postgres-state.ts';
import { ensureScope, findScope } from '../stores/postgres/scopes.ts';
import { lazily } from './lazy.ts';
import type { Settings } from './settings.ts';

export interface Control {
  /** Holds a password: never log it. */
  readonly connectionString: string;
  readonly db: Database;
  readonly state: StateStore;
  readonly facts: FactsStore;
  /** Makes the scope where it is new. */
  readonly scopeId: () => Promise<number>;
  /** Undefined where nothing was ever recorded. Writes nothing. */
  readonly findScopeId: () => Promise<number | undefined>;
  readonly ping: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openControl(
  { spec }: Settings,
  options: {
    readonly folder: string;
    readonly scope: Scope;
    readonly readOnly: boolean;
    readonly answersWithinMs: number | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Control> {
  const external = spec.control?.postgres;
  const server =
    external === undefined
      ? await embedded(options.folder, options.signal)
      : { connectionString: resolveEnv(external, process.env), release: async () => {} };
  let db: Database;
  try {
    // The embedded server is this project's alone: nobody is disturbed when `plan` brings its schema up to date.
    db = await openControlDatabase({
      connectionString: server.connectionString,
      migrate: (external === undefined || !options.readOnly) && options.answersWithinMs === undefined,
      ...(options.answersWithinMs !== undefined && { answersWithinMs: options.answersWithinMs }),
    });
  } catch (error) {
    await server.release();
    throw error;
  }
  return {
    connectionString: server.connectionString,
    db,
    state: openState(db, options.scope),
    facts: openFacts(db, options.scope),
    scopeId: lazily(async () => {
      if (options.readOnly) await migrate(db);
      return ensureScope(db, options.scope);
    }),
    findScopeId: () => findScope(db, options.scope),
    ping: async () => {
      await db.query('select 1');
    },
    close: async () => {
      await db.close();
      await server.release();
    },
  };
}

async function embedded(folder: string, signal: AbortSignal | undefined) {
  const { acquireEmbeddedPostgres } = await import('../stores/postgres/server/embedded.ts');
  return acquireEmbeddedPostgres({ dir: folder, signal });
}
