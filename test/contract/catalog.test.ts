/** What every Catalog promises: the resources as last applied, by itself kept up with applies of other processes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Catalog } from '../../src/stores/control/catalog.ts';
import type { ApplyJournal, StateStore, StepIntent } from '../../src/stores/control/state.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresCatalog } from '../../src/stores/postgres/postgres-catalog.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const POLL_NEVER_MS = 3_600_000;

let fresh: FreshDatabase;
let writer: Database;
let reader: Database;
let scopes = 0;
let scopeId: number;
let state: StateStore;
let catalog: Catalog;

beforeAll(async () => {
  fresh = await freshDatabase();
  writer = openDatabase({ connectionString: fresh.connectionString });
  reader = openDatabase({ connectionString: fresh.connectionString });
});
afterAll(async () => {
  await writer.close();
  await reader.close();
  await fresh.drop();
});
beforeEach(async () => {
  scopes += 1;
  scopeId = await ensureScope(writer, { project: `project_${scopes}`, environment: 'dev' });
  state = postgresState(writer, scopeId);
  catalog = await postgresCatalog(reader, scopeId, { pollMs: POLL_NEVER_MS });
});
afterEach(() => catalog.close());

const intent = (name: string, action: StepIntent['action'], digest: string): StepIntent => ({
  address: `entity.${name}`,
  kind: 'entity',
  name,
  action,
  spec: { keys: { id: 'int64' }, description: digest },
  digest,
  dependsOn: [],
  protect: false,
  reason: 'as asked',
});

async function begin(): Promise<ApplyJournal> {
  const { lineage, serial } = await state.read();
  return state.beginApply({
    who: 'ada',
    planDigest: 'p',
    specDigest: 's',
    gitCommit: null,
    lineage,
    serial,
    root: '/projects/healthcare',
    changes: 1,
  });
}

async function apply(name: string, action: StepIntent['action'], digest: string): Promise<void> {
  const journal = await begin();
  await journal.intent(intent(name, action, digest));
  await journal.done(`entity.${name}`, { digest });
  await journal.end('succeeded');
}

const seen = (): unknown => catalog.list('entity').map(({ name, digest, spec }) => [name, digest, spec.description]);

describe('the catalog', () => {
  it('is empty before the first apply', () => {
    expect(catalog.root).toBeNull();
    expect(catalog.list('entity')).toEqual([]);
    expect(catalog.get('entity', 'patient')).toBeUndefined();
  });

  it('follows an apply of another process by itself', async () => {
    const changed = vi.fn();
    catalog.onChange(changed);
    const before = catalog.revision;
    await apply('patient', 'create', 'first');
    await eventually(() => expect(catalog.get('entity', 'patient')?.outputs).toEqual({ digest: 'first' }));
    expect(catalog.root).toBe('/projects/healthcare');
    expect(catalog.revision).toBeGreaterThan(before);
    expect(changed).toHaveBeenCalled();
    await apply('patient', 'update', 'second');
    await eventually(() => expect(seen()).toEqual([['patient', 'second', 'second']]));
    await apply('patient', 'delete', 'second');
    await eventually(() => expect(seen()).toEqual([]));
  });

  it('follows a write of the HTTP interface', async () => {
    const { action: _action, reason: _reason, ...step } = intent('patient', 'create', 'first');
    await state.putFromApi(step, 'key', {});
    await eventually(() => expect(seen()).toEqual([['patient', 'first', 'first']]));
  });

  it('shows what was applied, not what is intended', async () => {
    await apply('changed', 'create', 'first');
    await apply('old', 'create', 'first');
    const journal = await begin();
    await journal.intent(intent('new', 'create', 'intended'));
    await journal.intent(intent('changed', 'update', 'intended'));
    await catalog.refresh();
    expect(seen()).toEqual([
      ['changed', 'first', 'first'],
      ['old', 'first', 'first'],
    ]);
    await journal.intent(intent('old', 'delete', 'first'));
    await catalog.refresh();
    expect(seen()).toEqual([['changed', 'first', 'first']]);
  });

  it('goes on showing what was applied when the update of an update is cut off too', async () => {
    await apply('patient', 'create', 'first');
    await (await begin()).intent(intent('patient', 'update', 'second'));
    await (await begin()).intent(intent('patient', 'update', 'third'));
    await catalog.refresh();
    expect(seen()).toEqual([['patient', 'first', 'first']]);
  });

  it('is told before its data go that a resource goes', async () => {
    await apply('patient', 'create', 'first');
    await eventually(() => expect(seen()).toHaveLength(1));
    const journal = await begin();
    await journal.intent(intent('patient', 'delete', 'first'));
    await eventually(() => expect(seen()).toEqual([]));
  });

  it('catches up by polling where no notification came', async () => {
    const polling = await postgresCatalog({ ...reader, listen: async () => async () => {} }, scopeId, { pollMs: 20 });
    await apply('patient', 'create', 'first');
    await eventually(() => expect(polling.list('entity')).toHaveLength(1));
    await polling.close();
  });

  it('reads the resources again only when something changed', async () => {
    await apply('patient', 'create', 'first');
    await catalog.refresh();
    const before = catalog.revision;
    const same = catalog.get('entity', 'patient');
    await catalog.refresh();
    expect(catalog.revision).toBe(before);
    expect(catalog.get('entity', 'patient')).toBe(same);
  });

  it('answers a refresh only with what was read after it was asked for', async () => {
    const early = catalog.refresh();
    await apply('patient', 'create', 'first');
    const late = catalog.refresh();
    await Promise.all([early, late]);
    expect(catalog.list('entity')).toHaveLength(1);
  });

  it('hears nothing of another scope', async () => {
    const otherId = await ensureScope(writer, { project: `project_${scopes}`, environment: 'prod' });
    const mine = state;
    state = postgresState(writer, otherId);
    await apply('patient', 'create', 'in prod');
    state = mine;
    await catalog.refresh();
    expect(seen()).toEqual([]);
  });

  it('comes back after the server ended its connections', async () => {
    await writer.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await eventually(() => apply('patient', 'create', 'first'));
    await eventually(() => expect(seen()).toHaveLength(1));
  });
});
