/** What every StateStore promises, on a real Postgres: the embedded one, or the server of MLOPS_TEST_POSTGRES_URL. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApplyHead, ApplyJournal, State, StateStore, StepIntent } from '../../src/stores/control/state.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { openState, postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope, findScope } from '../../src/stores/postgres/scopes.ts';
import { eventually } from '../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let fresh: FreshDatabase;
let db: Database;
let scopes = 0;
let scopeId: number;
let state: StateStore;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase({ connectionString: fresh.connectionString });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});
beforeEach(async () => {
  scopes += 1;
  scopeId = await ensureScope(db, { project: `project_${scopes}`, environment: 'dev' });
  state = postgresState(db, scopeId);
});

const head = (from: Pick<State, 'lineage' | 'serial'>, more: Partial<ApplyHead> = {}): ApplyHead => ({
  who: 'ada',
  planDigest: 'plan-1',
  specDigest: 'spec-1',
  gitCommit: 'abc123',
  root: '/projects/healthcare',
  changes: 1,
  lineage: from.lineage,
  serial: from.serial,
  ...more,
});

const step = (name: string, more: Partial<StepIntent> = {}): StepIntent => ({
  address: `entity.${name}`,
  kind: 'entity',
  name,
  action: 'create',
  spec: { keys: { id: 'int64' } },
  digest: `digest of ${name}`,
  dependsOn: [],
  protect: false,
  reason: 'it is new',
  ...more,
});

async function applied(steps: readonly StepIntent[], outputs = {}): Promise<void> {
  const journal = await state.beginApply(head(await state.read()));
  for (const each of steps) {
    await journal.intent(each);
    await journal.done(each.address, outputs);
  }
  await journal.end('succeeded');
}

describe('the recorded state', () => {
  it('is empty before the first apply', async () => {
    expect(await state.read()).toEqual({ lineage: null, serial: 0, resources: [] });
  });

  it('holds a resource with its outputs once its step is done', async () => {
    await applied([step('patient', { dependsOn: ['source.visits'], protect: true })], { version: 2 });
    const { lineage, serial, resources } = await state.read();
    expect(lineage).toMatch(/^[0-9a-f-]{36}$/);
    expect(serial).toBe(1);
    expect(resources).toEqual([
      {
        address: 'entity.patient',
        kind: 'entity',
        name: 'patient',
        spec: { keys: { id: 'int64' } },
        digest: 'digest of patient',
        dependsOn: ['source.visits'],
        protect: true,
        managedBy: 'apply',
        status: 'ready',
        outputs: { version: 2 },
        createdAt: expect.any(Date),
        updatedAt: expect.any(Date),
      },
    ]);
  });

  it('keeps the order in which the members of a spec were written', async () => {
    await applied([step('patient', { spec: { zulu: 1, alpha: 2, mike: { b: 1, a: 2 } } })]);
    const [resource] = (await state.read()).resources;
    expect(JSON.stringify(resource?.spec)).toBe('{"zulu":1,"alpha":2,"mike":{"b":1,"a":2}}');
  });

  it('keeps its lineage and counts the serial up with each apply', async () => {
    await applied([step('patient')]);
    const first = await state.read();
    await applied([step('patient', { action: 'update', digest: 'other' })]);
    const second = await state.read();
    expect(second.lineage).toBe(first.lineage);
    expect(second.serial).toBe(2);
    expect(second.resources[0]).toMatchObject({ digest: 'other', createdAt: first.resources[0]?.createdAt });
  });

  it('records what is intended before its outcome, and what failed stays so', async () => {
    await applied([step('old'), step('changed')]);
    const journal = await state.beginApply(head(await state.read()));
    await journal.intent(step('new'));
    await journal.intent(step('changed', { action: 'update', digest: 'intended' }));
    await journal.intent(step('old', { action: 'delete' }));
    const statuses = async (): Promise<unknown> =>
      Object.fromEntries((await state.read()).resources.map(({ name, status, digest }) => [name, [status, digest]]));
    const expected = {
      new: ['creating', 'digest of new'],
      changed: ['updating', 'intended'],
      old: ['deleting', 'digest of old'],
    };
    expect(await statuses()).toEqual(expected);
    await journal.failed('entity.changed', 'the disk is full');
    expect(await statuses()).toEqual(expected);
    await journal.done('entity.new', {});
    await journal.done('entity.old', {});
    await journal.end('failed');
    expect(await statuses()).toEqual({ new: ['ready', 'digest of new'], changed: ['updating', 'intended'] });
  });

  it('says that what an update cut off needed before is needed still', async () => {
    const set = (digest: string, source: string, action: 'create' | 'update'): StepIntent =>
      step('labs', { action, digest, dependsOn: ['entity.patient', `source.${source}`] });
    await applied([set('first', 'old', 'create')]);
    for (const source of ['new', 'newer']) {
      const journal = await state.beginApply(head(await state.read()));
      await journal.intent(set(source, source, 'update'));
      await journal.failed('entity.labs', 'the disk is full');
      await journal.end('failed');
      const [labs] = (await state.read()).resources;
      expect(labs?.dependsOn).toEqual(['entity.patient', `source.${source}`, 'source.old']);
    }
    await applied([set('last', 'newer', 'update')]);
    expect((await state.read()).resources[0]?.dependsOn).toEqual(['entity.patient', 'source.newer']);
  });

  it('takes an address through two steps of one apply: deleted, then made anew', async () => {
    await applied([step('patient')], { version: 1 });
    const journal = await state.beginApply(head(await state.read()));
    await journal.intent(step('patient', { action: 'delete' }));
    await journal.done('entity.patient', {});
    await journal.intent(step('patient', { digest: 'anew' }));
    await journal.done('entity.patient', { version: 2 });
    await journal.end('succeeded');
    expect((await state.read()).resources).toMatchObject([
      { digest: 'anew', status: 'ready', outputs: { version: 2 } },
    ]);
  });

  it('records many changes that overlap, each with one audit entry', async () => {
    const journal = await state.beginApply(head(await state.read(), { changes: 300 }));
    const names = Array.from({ length: 300 }, (_, index) => `e${index}`);
    const left = [...names];
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) {
          await journal.intent(step(name));
          await journal.done(`entity.${name}`, { made: name });
        }
      }),
    );
    await journal.end('succeeded');
    const { resources } = await state.read();
    expect(resources.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(resources.every(({ name, status, outputs }) => status === 'ready' && outputs['made'] === name)).toBe(true);
    const log = await state.auditLog(1000);
    expect(log.map(({ subject }) => subject).sort()).toEqual(names.map((name) => `entity.${name}`).sort());
  });
});

describe('an apply', () => {
  it('is refused where the state moved since the plan was made', async () => {
    const planned = await state.read();
    await applied([step('patient')]);
    await expect(state.beginApply(head(planned))).rejects.toMatchObject({
      code: 'AP102',
      data: { found: { serial: 1 } },
    });
    const now = await state.read();
    await expect(state.beginApply(head({ ...now, serial: 0 }))).rejects.toMatchObject({ code: 'AP102' });
    await expect(
      state.beginApply(head({ ...now, lineage: '00000000-0000-0000-0000-000000000000' })),
    ).rejects.toMatchObject({ code: 'AP102' });
    expect(await state.read()).toEqual(now);
    expect(await state.applies(10)).toHaveLength(1);
  });

  it('begins once where two begin at once from the same plan', async () => {
    const planned = await state.read();
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => state.beginApply(head(planned))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await state.read()).serial).toBe(1);
  });

  it('is listed with who, from which plan and commit, and how it ended; newest first', async () => {
    await applied([step('patient')]);
    const cutOff = await state.beginApply(
      head(await state.read(), { who: 'grace', planDigest: 'plan-2', gitCommit: null }),
    );
    const [open, first] = await state.applies(10);
    expect(open).toMatchObject({
      id: cutOff.applyId,
      who: 'grace',
      outcome: null,
      endedAt: null,
      serialBefore: 1,
      serialAfter: 2,
    });
    expect(first).toMatchObject({
      who: 'ada',
      outcome: 'succeeded',
      startedAt: expect.any(Date),
      endedAt: expect.any(Date),
      planDigest: 'plan-1',
      gitCommit: 'abc123',
      changes: 1,
    });
    expect(await state.applies(1)).toHaveLength(1);
  });

  it('that was cut off is ended as interrupted by the next, and writes nothing more when it comes back late', async () => {
    const late = await state.beginApply(head(await state.read()));
    await late.intent(step('patient'));
    const next = await state.beginApply(head(await state.read()));
    expect((await state.applies(10)).map(({ outcome }) => outcome)).toEqual([null, 'interrupted']);
    await expect(late.done('entity.patient', {})).rejects.toMatchObject({ code: 'AP101' });
    await expect(late.intent(step('other'))).rejects.toMatchObject({ code: 'AP101' });
    await expect(late.end('succeeded')).rejects.toMatchObject({ code: 'AP101' });
    expect((await state.read()).resources).toMatchObject([{ name: 'patient', status: 'creating' }]);
    await next.intent(step('patient', { reason: 'interrupted' }));
    await next.done('entity.patient', {});
    await next.end('succeeded');
    expect((await state.read()).resources).toMatchObject([{ name: 'patient', status: 'ready' }]);
  });

  it('fails as a whole with what its database failed with', async () => {
    const gone = openDatabase({ connectionString: fresh.connectionString });
    const journal = await postgresState(gone, scopeId).beginApply(head(await state.read()));
    await gone.close();
    await expect(Promise.all([journal.intent(step('a')), journal.intent(step('b'))])).rejects.toThrow();
    expect((await state.read()).resources).toEqual([]);
  });
});

describe('the audit log', () => {
  it('says who changed what, from which plan and which commit', async () => {
    await applied([step('patient')], { version: 1 });
    await state.audit({ who: 'grace', action: 'model.promote', subject: 'pbc@3', detail: { to: 'production' } });
    expect(await state.auditLog(10)).toEqual([
      {
        id: expect.any(String),
        at: expect.any(Date),
        who: 'grace',
        action: 'model.promote',
        subject: 'pbc@3',
        detail: { to: 'production' },
        applyId: null,
        gitCommit: null,
      },
      {
        id: expect.any(String),
        at: expect.any(Date),
        who: 'ada',
        action: 'resource.create',
        subject: 'entity.patient',
        detail: { planDigest: 'plan-1', reason: 'it is new', digest: 'digest of patient', outputs: { version: 1 } },
        applyId: (await state.applies(1))[0]?.id,
        gitCommit: 'abc123',
      },
    ]);
  });

  it('cannot be changed or shortened', async () => {
    await state.audit({ who: 'ada', action: 'run.cancel', subject: 'run', detail: {} });
    for (const statement of [
      `update mlops.audit_log set who = 'nobody'`,
      'delete from mlops.audit_log',
      'truncate mlops.audit_log',
    ]) {
      await expect(db.query(statement)).rejects.toThrow('append-only');
    }
  });
});

describe('a resource written through the HTTP interface', () => {
  const write = (name: string, digest: string): Promise<void> => {
    const { action: _action, reason: _reason, ...rest } = step(name, { digest });
    return state.putFromApi(rest, 'api-key-1', { version: 1 });
  };

  it('is recorded as managed by it, moves the serial and is audited', async () => {
    await write('patient', 'first');
    await write('patient', 'second');
    const { serial, resources } = await state.read();
    expect(serial).toBe(2);
    expect(resources).toMatchObject([{ managedBy: 'api', status: 'ready', digest: 'second', outputs: { version: 1 } }]);
    expect((await state.auditLog(10)).map(({ who, action }) => [who, action])).toEqual([
      ['api-key-1', 'resource.update'],
      ['api-key-1', 'resource.create'],
    ]);
  });

  it('is refused where an apply manages the address, and changes nothing', async () => {
    await applied([step('patient')]);
    const before = await state.read();
    await expect(write('patient', 'other')).rejects.toMatchObject({ code: 'API409', address: 'entity.patient' });
    expect(await state.read()).toEqual(before);
    expect(await state.auditLog(10)).toHaveLength(1);
  });

  it('makes a plan that was made before it stale', async () => {
    const planned = await state.read();
    await write('patient', 'first');
    await expect(state.beginApply(head(planned))).rejects.toMatchObject({ code: 'AP102' });
  });

  it('is taken over by an apply that declares it', async () => {
    await write('patient', 'first');
    await applied([step('patient', { action: 'update' })]);
    expect((await state.read()).resources).toMatchObject([{ managedBy: 'apply', digest: 'digest of patient' }]);
    await expect(write('patient', 'other')).rejects.toMatchObject({ code: 'API409' });
  });

  it('is adopted as it is, with its outputs, the serial moved once and one audit entry each', async () => {
    await write('patient', 'first');
    await write('visit', 'second');
    const before = await state.read();
    await state.adopt(before.resources, 'ada');
    const after = await state.read();
    expect(after.serial).toBe(before.serial + 1);
    expect(after.resources.map(({ updatedAt: _, ...one }) => one)).toEqual(
      before.resources.map(({ updatedAt: _, ...one }) => ({ ...one, managedBy: 'apply' })),
    );
    expect((await state.auditLog(2)).map(({ who, action, subject }) => [who, action, subject])).toEqual([
      ['ada', 'resource.adopt', 'entity.visit'],
      ['ada', 'resource.adopt', 'entity.patient'],
    ]);
    await expect(write('patient', 'other')).rejects.toMatchObject({ code: 'API409' });
  });

  it('is adopted with all the others or with none, where one was changed since it was read', async () => {
    await write('patient', 'first');
    await write('visit', 'second');
    const read = (await state.read()).resources;
    await write('visit', 'third');
    const before = await state.read();
    await expect(state.adopt(read, 'ada')).rejects.toMatchObject({ code: 'AP117', address: 'entity.visit' });
    expect(await state.read()).toEqual(before);
    await expect(state.adopt([{ address: 'entity.gone', digest: 'first' }], 'ada')).rejects.toMatchObject({
      code: 'AP117',
    });
    expect(await state.auditLog(10)).toHaveLength(3);
  });
});

describe('the lock', () => {
  const soon = { leaseMs: 400, renewEveryMs: 50 };
  const held: { release(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const lock of held.splice(0)) await lock.release();
  });

  it('keeps others out and names its holder', async () => {
    const lock = await state.lock('ada', 'apply');
    held.push(lock);
    expect(await state.lockHolder()).toMatchObject({
      id: lock.id,
      who: 'ada',
      operation: 'apply',
      since: expect.any(Date),
    });
    await expect(state.lock('grace', 'destroy')).rejects.toMatchObject({
      code: 'AP101',
      data: { who: 'ada', id: lock.id },
    });
    await lock.release();
    expect(await state.lockHolder()).toBeNull();
    held.push(await state.lock('grace', 'destroy'));
  });

  it('goes to one of many that ask at once', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => state.lock(`user ${index}`, 'apply')),
    );
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    held.push(...won);
    expect(won).toHaveLength(1);
  });

  it('stays with a holder that renews, past the end of its first lease', async () => {
    const lock = await postgresState(db, scopeId, soon).lock('ada', 'apply');
    held.push(lock);
    const firstEnd = (await state.lockHolder())?.leaseEndsAt.getTime() ?? 0;
    await eventually(async () => {
      const [row] = await db.query<{ now: Date }>('select clock_timestamp() as now');
      expect(row?.now.getTime()).toBeGreaterThan(firstEnd + 100);
    });
    await expect(state.lock('grace', 'apply')).rejects.toMatchObject({ code: 'AP101' });
    expect(lock.lost.aborted).toBe(false);
  });

  it('is taken over only after the lease of a holder that renews no more has ended, and the holder is told', async () => {
    const lock = await postgresState(db, scopeId, { leaseMs: 300, renewEveryMs: 60_000 }).lock('ada', 'apply');
    held.push(lock);
    const end = (await state.lockHolder())?.leaseEndsAt.getTime() ?? 0;
    await expect(state.lock('grace', 'apply')).rejects.toMatchObject({ code: 'AP101' });
    const taken = await eventually(() => state.lock('grace', 'apply'));
    held.push(taken);
    expect((await state.lockHolder())?.since.getTime()).toBeGreaterThanOrEqual(end);
    await eventually(async () => expect(lock.lost.aborted).toBe(true));
    await lock.release();
    expect((await state.lockHolder())?.who).toBe('grace');
  });

  it('is removed by hand, and its holder is told', async () => {
    const lock = await postgresState(db, scopeId, soon).lock('ada', 'apply');
    held.push(lock);
    expect(await state.unlock('no such lock')).toBe(false);
    expect(await state.unlock(lock.id)).toBe(true);
    expect(await state.lockHolder()).toBeNull();
    await eventually(async () => expect(lock.lost.aborted).toBe(true));
    expect(lock.lost.reason).toMatchObject({ code: 'AP101' });
  });
});

describe('scopes', () => {
  it('do not touch each other: state, lock, applies, audit', async () => {
    const otherId = await ensureScope(db, { project: `project_${scopes}`, environment: 'prod' });
    const other = postgresState(db, otherId);
    const lock = await state.lock('ada', 'apply');
    await applied([step('patient')]);
    expect(await other.read()).toEqual({ lineage: null, serial: 0, resources: [] });
    expect(await other.lockHolder()).toBeNull();
    expect(await other.applies(10)).toEqual([]);
    expect(await other.auditLog(10)).toEqual([]);
    expect(await other.unlock(lock.id)).toBe(false);
    const otherLock = await other.lock('grace', 'apply');
    await otherLock.release();
    expect((await state.lockHolder())?.who).toBe('ada');
    await lock.release();
  });

  it('do not write into each other, also with a journal of the other', async () => {
    const otherId = await ensureScope(db, { project: `project_${scopes}`, environment: 'prod' });
    const other = postgresState(db, otherId);
    const journal: ApplyJournal = await other.beginApply(head({ lineage: null, serial: 0 }));
    await journal.intent(step('patient', { digest: 'in prod' }));
    await applied([step('patient', { digest: 'in dev' })]);
    await journal.done('entity.patient', {});
    await journal.end('succeeded');
    expect((await state.read()).resources).toMatchObject([{ digest: 'in dev' }]);
    expect((await other.read()).resources).toMatchObject([{ digest: 'in prod' }]);
  });

  it('are made once, also by many at once', async () => {
    const scope = { project: `project_${scopes}`, environment: 'staging' };
    expect(await findScope(db, scope)).toBeUndefined();
    const ids = await Promise.all(Array.from({ length: 8 }, () => ensureScope(db, scope)));
    expect(new Set(ids).size).toBe(1);
    expect(await findScope(db, scope)).toBe(ids[0]);
  });
});

describe('a scope that was never applied', () => {
  it('reads as empty and is not made by reading', async () => {
    const scope = { project: `project_${scopes}`, environment: 'unseen' };
    const unseen = openState(db, scope);
    expect(await unseen.read()).toEqual({ lineage: null, serial: 0, resources: [] });
    expect(await unseen.lockHolder()).toBeNull();
    expect(await unseen.applies(1)).toEqual([]);
    expect(await unseen.auditLog(1)).toEqual([]);
    expect(await findScope(db, scope)).toBeUndefined();
  });

  it('reads as empty on a server that was never migrated, which stays untouched; the first write makes it', async () => {
    const bare = await freshDatabase({ empty: true });
    const bareDb = openDatabase({ connectionString: bare.connectionString });
    try {
      const unseen = openState(bareDb, { project: 'new', environment: 'dev' });
      expect(await unseen.read()).toEqual({ lineage: null, serial: 0, resources: [] });
      expect(await bareDb.query(`select 1 from pg_namespace where nspname = 'mlops'`)).toEqual([]);
      const lock = await unseen.lock('ada', 'apply');
      const journal = await unseen.beginApply(head({ lineage: null, serial: 0 }));
      await journal.end('succeeded');
      await lock.release();
      expect((await unseen.read()).serial).toBe(1);
    } finally {
      await bareDb.close();
      await bare.drop();
    }
  });
});
