/** What every StateStore promises of its history, of renames and of changes by hand. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/lib/json.ts';
import { type Address, addressOf } from '../../src/spec/address.ts';
import { structureDigest } from '../../src/spec/feature-set-structure.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import { specDigest } from '../../src/spec/spec-digest.ts';
import type { ApplyJournal, Rename, State, StateEdit, StateStore, StepIntent } from '../../src/stores/control/state.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { migrate } from '../../src/stores/postgres/migrate.ts';
import { readMigrations } from '../../src/stores/postgres/migrations.ts';
import { openState, postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { type ContractBackend, postgresBackend } from '../support/contract-database.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { freshDatabase } from '../support/postgres.ts';

const postgres = postgresBackend(postgresState);
const memory: ContractBackend<StateStore> = {
  name: 'memory',
  open: async () => {},
  store: async () => memoryStateStore(),
  close: async () => {},
};

const step = (name: string, more: Partial<StepIntent> & { readonly owner?: string } = {}): StepIntent => {
  const { owner, ...rest } = more;
  const spec = { name, keys: { id: 'int64' }, ...(owner !== undefined && { owner }) };
  return {
    address: `entity.${name}`,
    kind: 'entity',
    name,
    action: 'create',
    spec,
    digest: specDigest(spec),
    dependsOn: [],
    protect: false,
    reason: 'because',
    ...rest,
  };
};

/** As handlers record them. */
function outputsOf({ kind, name, spec }: StepIntent): JsonObject {
  if (kind !== 'feature_set') return { made: name };
  const keys = { id: 'int64' as const };
  return { version: 1, structure: structureDigest(spec as never, { name: '', keys }), keys };
}

/** A source, two sets over it, what reads these, and a pipeline that names a model without depending on it. */
function labs(): readonly StepIntent[] {
  const of = (kind: Kind, name: string, fields: object, dependsOn: readonly Address[] = []): StepIntent => {
    const spec = { name, ...fields };
    const address = addressOf(kind, name);
    return { ...step(name), address, kind, spec: spec as never, digest: specDigest(spec as never), dependsOn };
  };
  const features = { x: { dtype: 'float64' } };
  return [
    of('source', 'raw', { file: 'raw.csv' }),
    of('feature_set', 'labs', { entity: 'e', source: 'raw', eventTime: 't', features }, ['entity.e', 'source.raw']),
    of(
      'feature_set',
      'trend',
      {
        entity: 'e',
        query: "select id, t, v.raw, 'raw' as w from raw v where raw(x) > 0 -- raw",
        eventTime: 't',
        features: { n: { dtype: 'int64' } },
      },
      ['entity.e', 'source.raw'],
    ),
    of('feature_service', 'v', { features: ['labs.x', 'trend.n'] }, ['feature_set.labs', 'feature_set.trend']),
    of(
      'pipeline',
      'p',
      {
        tasks: {
          fill: { operator: 'feature_materialization', featureSets: ['labs'], needs: [] },
          promote: { operator: 'model_promotion', model: 'm', stage: 'staging', needs: ['fill'] },
        },
      },
      ['feature_set.labs'],
    ),
    of('model', 'm', { framework: 'onnx', inputs: 'v' }, ['feature_service.v']),
  ];
}

describe.each([postgres, memory])('the history of a state on $name', (backend) => {
  let state: StateStore;
  beforeAll(() => backend.open());
  afterAll(() => backend.close());
  beforeEach(async () => {
    state = await backend.store();
  });

  const begin = async (who = 'ada', from?: Pick<State, 'lineage' | 'serial'>): Promise<ApplyJournal> => {
    const { lineage, serial } = from ?? (await state.read());
    return state.beginApply({
      who,
      planDigest: 'p',
      specDigest: 's',
      gitCommit: 'abc',
      root: '/project',
      changes: 1,
      lineage,
      serial,
    });
  };
  const applied = async (steps: readonly StepIntent[], renames: readonly Rename[] = []): Promise<void> => {
    const journal = await begin();
    if (renames.length > 0) await journal.rename(renames);
    for (const each of steps) {
      await journal.intent(each);
      await journal.done(each.address, outputsOf(each));
    }
    await journal.end('succeeded');
  };
  const edit = async (): Promise<StateEdit> => {
    const { lineage, serial } = await state.read();
    return { who: 'bob', gitCommit: null, lineage, serial };
  };
  const move = async (from: Address, to: Address): Promise<void> => state.move([{ from, to }], await edit());
  const told = async (filter: Partial<Parameters<StateStore['history']['entries']>[0]> = {}): Promise<unknown> =>
    (await state.history.entries({ limit: 100, ...filter })).map(
      ({ serial, action, address, previousAddress }) =>
        `${serial} ${action} ${previousAddress === null ? '' : `${previousAddress} → `}${address}`,
    );

  it('is empty before the first apply', async () => {
    expect(await state.history.serials(10)).toEqual([]);
    expect(await state.history.entries({ limit: 10 })).toEqual([]);
    expect(await state.history.at(1)).toBeUndefined();
  });

  it('keeps what each serial changed, before and after, and nothing of what it left alone', async () => {
    await applied([step('a'), step('b', { dependsOn: ['entity.a'], protect: true })]);
    await applied([step('a', { action: 'update', owner: 'ann' })]);
    await applied([step('b', { action: 'delete' })]);
    expect(await told()).toEqual(['3 delete entity.b', '2 update entity.a', '1 create entity.b', '1 create entity.a']);
    const [gone, updated] = await state.history.entries({ limit: 2 });
    expect(gone).toMatchObject({ before: { name: 'b', dependsOn: ['entity.a'], protect: true }, after: null });
    expect(updated).toMatchObject({
      who: 'ada',
      operation: 'apply',
      gitCommit: 'abc',
      applyId: expect.any(String),
      at: expect.any(Date),
      before: { spec: { name: 'a' }, outputs: { made: 'a' } },
      after: { kind: 'entity', spec: { name: 'a', owner: 'ann' }, managedBy: 'apply' },
    });
    expect(await told({ after: 1 })).toEqual(['3 delete entity.b', '2 update entity.a']);
    expect(await told({ address: 'entity.b' })).toEqual(['3 delete entity.b', '1 create entity.b']);
  });

  it('lists serials with who, what and how it ended', async () => {
    await applied([step('a'), step('b')]);
    const journal = await begin('eve');
    await journal.intent(step('c'));
    await journal.failed('entity.c', 'disk full', 'ST105');
    await journal.intent(step('a', { action: 'update', owner: 'ann' }));
    await journal.done('entity.a', {});
    await journal.end('failed');
    await move('entity.b', 'entity.d');
    expect(await state.history.serials(10)).toMatchObject([
      { serial: 3, who: 'bob', operation: 'mv', outcome: 'succeeded', applyId: null, counts: { rename: 1 } },
      { serial: 2, who: 'eve', operation: 'apply', outcome: 'failed', gitCommit: 'abc', counts: { update: 1 } },
      { serial: 1, who: 'ada', outcome: 'succeeded', counts: { create: 2 } },
    ]);
    expect(await state.history.serials(1)).toHaveLength(1);
  });

  it('answers how everything was at a serial, and where it is called otherwise now', async () => {
    await applied([step('a'), step('b')]);
    await applied([step('a', { action: 'update', owner: 'ann' }), step('c')]);
    await move('entity.a', 'entity.x');
    await move('entity.x', 'entity.y');
    await applied([step('b', { action: 'delete' })]);
    const first = await state.history.at(1);
    expect([...(first?.resources.keys() ?? [])]).toEqual(['entity.a', 'entity.b']);
    expect(first?.resources.get('entity.a')?.spec).toEqual({ name: 'a', keys: { id: 'int64' } });
    expect([...(first?.renamedSince ?? [])]).toEqual([['entity.a', 'entity.y']]);
    expect([...((await state.history.at(3))?.resources.keys() ?? [])]).toEqual(['entity.b', 'entity.c', 'entity.x']);
    expect([...((await state.history.at(5))?.resources.keys() ?? [])]).toEqual(['entity.c', 'entity.y']);
    expect(await state.history.at(6)).toBeUndefined();
  });

  it('follows a resource through its names', async () => {
    await applied([step('a')]);
    await move('entity.a', 'entity.b');
    await applied([step('b', { action: 'update', owner: 'ann' }), step('a')]);
    expect(await told({ address: 'entity.b' })).toEqual([
      '3 update entity.b',
      '2 rename entity.a → entity.b',
      '1 create entity.a',
    ]);
    expect(await told({ address: 'entity.a' })).toEqual([
      '3 create entity.a',
      '2 rename entity.a → entity.b',
      '1 create entity.a',
    ]);
  });

  it('has what the HTTP interface writes and what is taken over from it', async () => {
    const { action: _, reason: __, ...resource } = step('a');
    await state.putFromApi(resource, 'key', {});
    await state.adopt([resource], 'ann');
    expect(await told()).toEqual(['2 update entity.a', '1 create entity.a']);
    expect(await state.history.serials(5)).toMatchObject([
      { operation: 'import', who: 'ann' },
      { operation: 'api', who: 'key' },
    ]);
  });

  describe('a rename in an apply', () => {
    it('is recorded at once with its outputs, and an update that adds nothing is no second entry', async () => {
      await applied([step('a', { owner: 'ann' }), step('z', { dependsOn: ['entity.a'] })]);
      const journal = await begin();
      await journal.rename([{ from: 'entity.a', to: 'entity.b' }]);
      const [b, z] = (await state.read()).resources.toSorted((x, y) => (x.address < y.address ? -1 : 1));
      expect(b).toMatchObject({
        address: 'entity.b',
        name: 'b',
        status: 'ready',
        spec: { name: 'b', owner: 'ann' },
        digest: step('b', { owner: 'ann' }).digest,
        outputs: { made: 'a' },
        formerNames: ['a'],
      });
      expect(z?.dependsOn).toEqual(['entity.b']);
      await journal.intent(step('b', { action: 'update', owner: 'ann' }));
      await journal.done('entity.b', { made: 'a' });
      await journal.end('succeeded');
      expect(await told({ after: 1 })).toEqual(['2 update entity.z', '2 rename entity.a → entity.b']);
    });

    it('is written into what depends on it, and the history has that as it is from then on', async () => {
      await applied([step('a'), step('e'), ...labs()]);
      await state.move([{ from: 'source.raw', to: 'source.visits' }], await edit());
      await state.move([{ from: 'feature_set.labs', to: 'feature_set.tests' }], await edit());
      await state.move([{ from: 'model.m', to: 'model.risk' }], await edit());
      const { serial, resources } = await state.read();
      const now = new Map(resources.map((one) => [one.address, one]));
      const of = (address: Address) => now.get(address);
      const keys = { name: '', keys: { id: 'int64' as const } };
      const set = of('feature_set.tests');
      expect(set).toMatchObject({
        spec: { source: 'visits' },
        dependsOn: ['entity.e', 'source.visits'],
        outputs: { version: 1 },
      });
      expect(set?.digest).toBe(specDigest(set?.spec as never));
      expect(set?.outputs['structure']).toBe(structureDigest(set?.spec as never, keys));
      expect(of('feature_set.trend')?.spec).toMatchObject({
        query: "select id, t, v.raw, 'raw' as w from visits v where raw(x) > 0 -- raw",
      });
      expect(of('feature_service.v')?.spec).toMatchObject({ features: ['tests.x', 'trend.n'] });
      expect(of('pipeline.p')?.spec).toMatchObject({
        tasks: { fill: { featureSets: ['tests'] }, promote: { model: 'risk' } },
      });
      for (const { address, dependsOn } of resources)
        for (const needed of dependsOn) expect(now.has(needed), `${address} needs ${needed}`).toBe(true);
      // The history ends in what is recorded, names and all.
      const past = await state.history.at(serial);
      for (const { address, spec, digest, dependsOn, outputs } of resources)
        expect(past?.resources.get(address)).toMatchObject({ spec, digest, dependsOn, outputs });
      expect((await state.history.at(serial - 3))?.resources.get('feature_set.labs')).toMatchObject({
        spec: { source: 'raw' },
        dependsOn: ['entity.e', 'source.raw'],
      });
    });

    it('is written into the history of what is half destroyed too: that may be gone back to', async () => {
      await applied([step('a'), step('z', { dependsOn: ['entity.a'] })]);
      await (await begin()).intent(step('z', { action: 'delete', dependsOn: ['entity.a'] }));
      await move('entity.a', 'entity.b');
      const past = await state.history.at((await state.read()).serial);
      expect(past?.resources.get('entity.z')?.dependsOn).toEqual(['entity.b']);
    });

    it('is written into no history that does not have it', async () => {
      await applied([step('a')]);
      await (await begin()).intent(step('z', { dependsOn: ['entity.a'] }));
      await move('entity.a', 'entity.b');
      expect((await state.read()).resources.find(({ name }) => name === 'z')?.dependsOn).toEqual(['entity.b']);
      expect(await told({ address: 'entity.z' })).toEqual([]);
    });

    it('is one of several in a row, or none of them', async () => {
      await applied([step('a'), step('b', { owner: 'bea' }), step('z')]);
      await applied(
        [],
        [
          { from: 'entity.b', to: 'entity.c' },
          { from: 'entity.a', to: 'entity.b' },
        ],
      );
      const { resources } = await state.read();
      expect(resources.map(({ address, spec }) => `${address} ${spec.owner ?? ''}`).sort()).toEqual([
        'entity.b ',
        'entity.c bea',
        'entity.z ',
      ]);
      const journal = await begin();
      await expect(journal.rename([{ from: 'entity.b', to: 'entity.z' }])).rejects.toMatchObject({ code: 'AP108' });
      await expect(journal.rename([{ from: 'entity.no', to: 'entity.n' }])).rejects.toMatchObject({ code: 'AP108' });
      await expect(journal.rename([{ from: 'entity.b', to: 'source.b' }])).rejects.toMatchObject({ code: 'AP108' });
      await journal.end('failed');
    });

    it('of what an update was cut off leaves what was applied before readable under the new name', async () => {
      await applied([step('a')]);
      const cut = await begin();
      await cut.intent(step('a', { action: 'update', owner: 'ann' }));
      await applied([], [{ from: 'entity.a', to: 'entity.b' }]);
      const [b] = (await state.read()).resources;
      expect(b).toMatchObject({ address: 'entity.b', status: 'updating', spec: { name: 'b', owner: 'ann' } });
      expect((await state.history.at(3))?.resources.get('entity.b')?.spec).toEqual({
        name: 'b',
        keys: { id: 'int64' },
      });
    });
  });

  it('a change by hand is refused where the state moved, with what moved it', async () => {
    await applied([step('a')]);
    const stale = await edit();
    await applied([step('a', { action: 'update', owner: 'ann' })]);
    for (const attempt of [
      () => state.move([{ from: 'entity.a', to: 'entity.b' }], stale),
      () => state.forget('entity.a', stale),
      () => begin('ada', stale),
    ])
      await expect(attempt()).rejects.toMatchObject({
        code: 'AP102',
        detail: expect.stringContaining('update entity.a (ada, '),
        data: { moved: [{ serial: 2, action: 'update', address: 'entity.a', who: 'ada' }] },
      });
    expect((await state.read()).serial).toBe(2);
  });

  it('forgets a record alone, with an entry that says who', async () => {
    await applied([step('a')]);
    await state.forget('entity.a', await edit());
    expect((await state.read()).resources).toEqual([]);
    expect(await told()).toEqual(['2 forget entity.a', '1 create entity.a']);
    await expect(state.forget('entity.a', await edit())).rejects.toMatchObject({ code: 'SP104' });
    expect((await state.read()).serial).toBe(2);
    expect((await state.auditLog(1))[0]).toMatchObject({ who: 'bob', action: 'resource.forget', subject: 'entity.a' });
  });

  it('is summed up before a serial, and as it was from there on', async () => {
    await applied([step('a'), step('b', { owner: 'bea' }), step('gone')]);
    await move('entity.a', 'entity.aa');
    await applied([step('gone', { action: 'delete' }), step('b', { action: 'update', owner: 'ben' })]);
    await applied([step('b', { action: 'update', owner: 'bob' })]);
    await move('entity.aa', 'entity.aaa');
    const before = await state.read();
    const later = await state.history.entries({ after: 3, limit: 100 });
    const [at3, at4, at5] = [await state.history.at(3), await state.history.at(4), await state.history.at(5)];

    expect(await state.history.prune(4, 'ann')).toBe(4);
    expect(await state.history.entries({ after: 3, limit: 100 })).toEqual(later);
    expect(await state.history.serials(10)).toMatchObject([
      { serial: 5, operation: 'mv' },
      { serial: 4, operation: 'apply' },
      { serial: 3, operation: 'record', counts: { record: 2 } },
    ]);
    expect([await state.history.at(3), await state.history.at(4), await state.history.at(5)]).toEqual([at3, at4, at5]);
    for (const serial of [1, 2]) expect(await state.history.at(serial)).toBeUndefined();
    // Neither the state nor its serial is touched.
    expect(await state.read()).toEqual(before);
    expect((await state.auditLog(1))[0]).toMatchObject({ who: 'ann', action: 'history.prune', detail: { before: 4 } });
    // What is summed up already is not found again, and a serial that never was sums up all but the last state.
    expect(await state.history.prune(3, 'ann')).toBe(0);
    expect(await state.history.prune(99, 'ann')).toBe(2);
    expect(await state.history.serials(10)).toMatchObject([{ serial: 5, counts: { record: 2 } }]);
    await applied([step('b', { action: 'update', owner: 'eva' })]);
    expect((await state.history.entries({ address: 'entity.b', limit: 1 }))[0]).toMatchObject({
      before: { spec: { owner: 'bob' } },
      after: { spec: { owner: 'eva' } },
    });
  });

  it('records what a step failed with until it is tried again', async () => {
    const journal = await begin('ann@host');
    await journal.intent(step('a'));
    await journal.failed('entity.a', 'disk full', 'ST105');
    await journal.end('failed');
    expect((await state.read()).resources[0]).toMatchObject({
      status: 'creating',
      failure: {
        code: 'ST105',
        message: 'disk full',
        at: expect.any(Date),
        who: 'ann@host',
        applyId: journal.applyId,
      },
    });
    const again = await begin();
    await again.intent(step('a'));
    expect((await state.read()).resources[0]?.failure).toBeUndefined();
    await again.done('entity.a', {});
    await again.end('succeeded');
    expect((await state.read()).resources[0]).toMatchObject({ status: 'ready' });
    expect((await state.read()).resources[0]?.failure).toBeUndefined();
  });
});

it('stays append-only on Postgres but for a prune', async () => {
  await postgres.open();
  try {
    const state = await postgres.store();
    const { lineage, serial } = await state.read();
    const head = { who: 'ada', planDigest: 'p', specDigest: 's', gitCommit: null, root: '/', changes: 1 };
    const journal = await state.beginApply({ ...head, lineage, serial });
    await journal.intent(step('a'));
    await journal.done('entity.a', {});
    await journal.end('succeeded');
    await state.history.prune(2, 'ann');
    for (const change of ['delete from', 'truncate'])
      await expect(postgres.db().query(`${change} mlops.state_history`)).rejects.toThrow('append-only');
  } finally {
    await postgres.close();
  }
});

describe('a state that is older than its history', () => {
  it('is in it from its serial on, as it was last applied, and reads as before where it may not be migrated', async () => {
    const old = await freshDatabase({ empty: true });
    const oldDb = openDatabase({ connectionString: old.connectionString });
    try {
      await migrate(
        oldDb,
        readMigrations().filter(({ version }) => version <= 5),
      );
      await oldDb.query(
        `insert into mlops.scopes (project, environment, lineage, serial) values ('p', 'dev', gen_random_uuid(), 7)`,
      );
      await oldDb.query(
        `insert into mlops.resources (scope_id, address, kind, name, spec, digest, depends_on, protect, managed_by, status, previous)
         values (1, 'entity.a', 'entity', 'a', '{"name":"a"}', 'd', '{}', false, 'apply', 'ready', null),
                (1, 'entity.b', 'entity', 'b', '{"name":"b","owner":"new"}', 'e', '{}', false, 'apply', 'updating',
                 '{"spec":{"name":"b","owner":"old"},"digest":"d","dependsOn":[]}'),
                (1, 'entity.c', 'entity', 'c', '{"name":"c"}', 'd', '{}', false, 'apply', 'creating', null)`,
      );
      const state = openState(oldDb, { project: 'p', environment: 'dev' });
      expect((await state.read()).resources).toHaveLength(3);
      expect(await state.history.serials(5)).toEqual([]);
      await migrate(oldDb);
      expect(await state.history.serials(5)).toMatchObject([{ serial: 7, operation: 'record', counts: { record: 2 } }]);
      const past = await state.history.at(7);
      expect([...(past?.resources ?? [])].map(([address, { spec }]) => [address, spec.owner])).toEqual([
        ['entity.a', undefined],
        ['entity.b', 'old'],
      ]);
      expect(await state.history.at(6)).toBeUndefined();
    } finally {
      await oldDb.close();
      await old.drop();
    }
  });
});
