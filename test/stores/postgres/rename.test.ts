/** What goes along with a renamed resource in a control store, read and written by either name, also while it is renamed. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/lib/canonical.ts';
import { newRun } from '../../../src/orchestrator/new-run.ts';
import { runRules } from '../../../src/orchestrator/rules.ts';
import type { Address } from '../../../src/spec/address.ts';
import type { FeatureSetStructure } from '../../../src/spec/feature-set-structure.ts';
import type { Kind } from '../../../src/spec/kinds.ts';
import type { FeatureState } from '../../../src/stores/control/feature-state.ts';
import type { RunStore } from '../../../src/stores/control/runs.ts';
import type { StateStore } from '../../../src/stores/control/state.ts';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { postgresCatalog } from '../../../src/stores/postgres/postgres-catalog.ts';
import { createPostgresFeatureQuality } from '../../../src/stores/postgres/postgres-feature-quality.ts';
import { createPostgresFeatureState } from '../../../src/stores/postgres/postgres-feature-state.ts';
import { postgresPredictionLog } from '../../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresRegistry } from '../../../src/stores/postgres/postgres-registry.ts';
import { createPostgresRuns } from '../../../src/stores/postgres/postgres-runs.ts';
import { postgresState } from '../../../src/stores/postgres/postgres-state.ts';
import { freshScope, newVersion } from '../../support/models.ts';
import { MANUAL, pipelineOf } from '../../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

let database: FreshDatabase;
let db: Database;
let scopeId: number;
let state: StateStore;

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString, max: 12 });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  scopeId = await freshScope(db);
  state = postgresState(db, scopeId);
});

const edit = async () => {
  const { lineage, serial } = await state.read();
  return { who: 'ada', gitCommit: null, lineage, serial };
};
const move = async (...pairs: readonly (readonly [Address, Address])[]): Promise<void> =>
  state.move(
    pairs.map(([from, to]) => ({ from, to })),
    await edit(),
  );

async function declare(address: Address, dependsOn: readonly Address[] = [], fields: object = {}): Promise<void> {
  const [kind = '', name = ''] = address.split('.');
  const { lineage, serial } = await state.read();
  const journal = await state.beginApply({
    who: 'ada',
    planDigest: 'p',
    specDigest: 's',
    gitCommit: null,
    root: '/project',
    changes: 1,
    lineage,
    serial,
  });
  await journal.intent({
    address,
    kind: kind as Kind,
    name,
    action: 'create',
    spec: { name, ...fields },
    digest: name,
    dependsOn,
    protect: false,
    reason: 'new',
  });
  await journal.done(address, {});
  await journal.end('succeeded');
}

describe('a renamed source', () => {
  const structure = (from: string): FeatureSetStructure => ({
    keys: { id: 'int64' },
    source: null,
    query: `select id, at, value from ${from} where ${from}.value > 0`,
    eventTime: 'at',
    createdTime: null,
    features: { value: { dtype: 'float64', column: 'value', expr: null } },
  });

  it('is what versions of the sets over it read, which stay the versions that they are, as far read as they were', async () => {
    const features = createPostgresFeatureState(db, scopeId);
    await declare('source.raw');
    await declare('feature_set.labs', ['source.raw'], structure('raw'));
    await features.registerVersion('labs', digestOf(structure('raw')), structure('raw'));
    await features.materializing('labs', 1, new AbortController().signal, (claim) =>
      claim.complete({ raw: 'x', other: 'y' }),
    );
    await move(['source.raw', 'source.visits']);
    const again = structure('visits');
    expect(await features.registerVersion('labs', digestOf(again), again)).toBe(1);
    expect(await features.versions('labs')).toMatchObject([
      { version: 1, structure: again, inputs: { visits: 'x', other: 'y' }, status: 'serving' },
    ]);
    expect((await state.read()).resources.find(({ kind }) => kind === 'feature_set')?.spec).toMatchObject({
      query: again.query,
    });
  });
});

describe('a renamed feature set', () => {
  const structure: FeatureSetStructure = {
    keys: { id: 'int64' },
    source: 'raw',
    query: null,
    eventTime: 'at',
    createdTime: null,
    features: { value: { dtype: 'float64', column: 'value', expr: null } },
  };
  const part = {
    location: 'sets/labs/v1/a',
    rows: 3,
    bytes: 9,
    minEventTime: 5n,
    maxEventTime: 5n,
    maxVisibleTime: 5n,
  };
  const { signal } = new AbortController();
  let features: FeatureState;
  beforeEach(async () => {
    features = createPostgresFeatureState(db, scopeId);
    await declare('feature_set.labs');
    await features.registerVersion('labs', 'd1', structure);
  });

  it('has its versions, parts, pending pushes and watermarks under either name, in the same storage', async () => {
    await features.materializing('labs', 1, signal, async (claim) => {
      await claim.commitPart({ ...part, sequence: await claim.nextSequence() });
      await claim.complete({ raw: 'x' });
    });
    const row = { key: { id: 1 }, eventTime: 6n, createdTime: null, values: { value: 1 } };
    await features.push(
      { set: 'labs', version: 1, recorded: true },
      async () => [row],
      async () => {},
    );
    await move(['feature_set.labs', 'feature_set.blood']);
    for (const name of ['labs', 'blood']) {
      expect(await features.versions(name)).toMatchObject([
        {
          set: 'blood',
          version: 1,
          storage: 'labs',
          status: 'serving',
          rows: 3,
          eventWatermark: 5n,
          inputs: { raw: 'x' },
        },
      ]);
      expect(await features.parts(name, 1)).toMatchObject([{ location: part.location }]);
      expect(await features.pendingUpdates(name, 1, 10)).toMatchObject([{ values: { value: 1 } }]);
    }
    expect(await features.registerVersion('blood', 'd1', structure)).toBe(1);
    expect(await features.registerVersion('blood', 'd2', structure)).toBe(2);
    expect((await features.versions('blood')).map(({ storage, version }) => [storage, version])).toEqual([
      ['labs', 1],
      ['blood', 2],
    ]);
  });

  it('has its statistics, checks, rows in quarantine and readers under either name, and takes more under both', async () => {
    const features = createPostgresFeatureState(db, scopeId);
    const quality = createPostgresFeatureQuality(db, scopeId);
    const structure: FeatureSetStructure = {
      keys: { id: 'int64' },
      source: null,
      query: null,
      eventTime: 'at',
      createdTime: null,
      features: { value: { dtype: 'float64', column: 'value', expr: null } },
    };
    await declare('feature_set.labs');
    await features.registerVersion('labs', digestOf(structure), structure);
    const [column, row] = [{}, { rows: 1, superseded: 0, entities: 1, minEventTime: 1n, maxEventTime: 1n }];
    const record = async (set: string, at: number): Promise<void> => {
      await quality.addStatistics({
        ...row,
        set,
        version: 1,
        kind: 'batch',
        fromSequence: at - 1,
        throughSequence: at,
        columns: column,
      });
      await quality.addCheck({
        set,
        version: 1,
        origin: 'push',
        rowsRead: at,
        rowsNew: at,
        rowsSkipped: 0,
        duplicates: 0,
        quarantined: 1,
        outcome: 'quarantined',
        failures: [],
      });
      const values = { value: at };
      await quality.hold(set, 1, [
        {
          fingerprint: `f${at}`,
          origin: 'push',
          key: { id: at },
          eventTime: 1n,
          createdTime: null,
          values,
          reasons: ['r'],
        },
      ]);
      const times = { firstAgoMs: 0, lastAgoMs: 0 };
      await quality.addReads([{ set, version: 1, feature: 'value', reader: 'http', reads: 1, entities: 1, ...times }]);
    };
    await record('labs', 0);
    await move(['feature_set.labs', 'feature_set.bloods']);
    // A process that does not know the new name yet, and one that does.
    await record('labs', 1);
    await record('bloods', 2);
    for (const set of ['labs', 'bloods']) {
      const statistics = await quality.statistics({ set, version: 1, kind: 'batch', limit: 10 });
      expect(statistics.map(({ set: now, throughSequence }) => [now, throughSequence])).toEqual([
        ['bloods', 2],
        ['bloods', 1],
        ['bloods', 0],
      ]);
      expect((await quality.checks({ set, limit: 10 })).map(({ rowsRead }) => rowsRead)).toEqual([2, 1, 0]);
      const held = await quality.held({ set, limit: 10 });
      expect(held.map(({ set: now, key }) => [now, key['id']])).toEqual([
        ['bloods', 0],
        ['bloods', 1],
        ['bloods', 2],
      ]);
      expect(await quality.reads(set)).toMatchObject([{ set: 'bloods', reader: 'http', reads: 3, entities: 3 }]);
    }
    expect(await quality.heldCounts()).toEqual([{ set: 'bloods', version: 1, rows: 3 }]);
    // Released under the old name: each counts once.
    const ids = (await quality.held({ set: 'labs', limit: 10 })).map(({ id }) => id);
    const pushed: number[] = [];
    for (let time = 0; time < 2; time += 1)
      await features.push(
        { set: 'labs', version: 1, recorded: true, released: ids },
        async (released) => {
          pushed.push(released.size);
          return [...released].map((id) => ({ key: { id }, eventTime: 1n, createdTime: null, values: {} }));
        },
        async () => {},
      );
    expect(pushed).toEqual([3, 0]);
    expect(await features.pendingUpdates('bloods', 1, 10)).toHaveLength(3);
    expect(await quality.heldCounts()).toEqual([]);
  });

  it('is materialized to the end by a worker that began under the old name', async () => {
    await features.materializing('labs', 1, signal, async (claim) => {
      await move(['feature_set.labs', 'feature_set.blood']);
      await claim.commitPart({ ...part, sequence: await claim.nextSequence() });
      await claim.complete({ raw: 'x' });
    });
    expect(await features.versions('blood')).toMatchObject([{ status: 'serving', rows: 3 }]);
  });

  it('waits for a push under way, and loses none', async () => {
    const latch = (): { readonly passed: Promise<void>; readonly open: () => void } => {
      let open = (): void => {};
      const passed = new Promise<void>((resolve) => {
        open = resolve;
      });
      return { passed, open };
    };
    const [begun, held] = [latch(), latch()];
    const row = { key: { id: 1 }, eventTime: 6n, createdTime: null, values: { value: 1 } };
    const push = features.push(
      { set: 'labs', version: 1, recorded: true },
      async () => {
        begun.open();
        await held.passed;
        return [row];
      },
      async () => {},
    );
    await begun.passed;
    const renaming = move(['feature_set.labs', 'feature_set.blood']);
    held.open();
    await Promise.all([push, renaming]);
    expect(await features.pendingUpdates('blood', 1, 10)).toHaveLength(1);
  });

  it('leaves its folder to itself when another set takes the old name, and its numbers too', async () => {
    await move(['feature_set.labs', 'feature_set.blood']);
    await declare('feature_set.labs');
    expect(await features.registerVersion('labs', 'd1', structure)).toBe(2);
    expect(await features.versions('labs')).toMatchObject([{ set: 'labs', version: 2, storage: 'labs' }]);
    expect(await features.drop('labs')).toEqual([{ set: 'labs', version: 2, storage: 'labs' }]);
    expect(await features.versions('blood')).toMatchObject([{ set: 'blood', version: 1, storage: 'labs' }]);
  });

  it('takes the name of one that was destroyed, and never one whose rows are there', async () => {
    await declare('feature_set.old');
    await features.registerVersion('old', 'd', structure);
    await features.drop('old');
    await state.forget('feature_set.old', await edit());
    await move(['feature_set.labs', 'feature_set.old']);
    expect(await features.versions('old')).toMatchObject([{ version: 1, storage: 'labs' }]);
    expect(await features.registerVersion('old', 'd9', structure)).toBe(2);

    await features.registerVersion('left', 'd', structure);
    await expect(move(['feature_set.old', 'feature_set.left'])).rejects.toMatchObject({ code: 'AP108' });
    expect((await state.read()).resources.map(({ address }) => address)).toEqual(['feature_set.old']);
  });
});

describe('a renamed model', () => {
  it('has its versions, stages and history under either name; what was written down keeps the name of its time', async () => {
    const registry = postgresRegistry(db, scopeId);
    await declare('model.risk');
    const first = await registry.addVersion(newVersion({ name: 'risk' }), 'ada');
    const gates = () => [];
    await registry.move(first.id, 'staging', { who: 'ada', reason: null }, gates);
    await registry.move(first.id, 'production', { who: 'ada', reason: null }, gates);
    const then = new Date((await registry.history('risk'))[0]!.at);
    await move(['model.risk', 'model.mortality']);
    for (const name of ['risk', 'mortality']) {
      expect(await registry.version(name, 1)).toMatchObject({ id: first.id, name: 'mortality', stage: 'production' });
      expect(await registry.atStage(name, 'production')).toMatchObject({ id: first.id });
      expect(await registry.productionAt(name, then)).toMatchObject({ id: first.id });
      expect((await registry.history(name)).map(({ model, to }) => [model, to])).toEqual([
        ['risk', 'production'],
        ['risk', 'staging'],
        ['risk', 'development'],
      ]);
    }
    expect((await registry.addVersion(newVersion({ name: 'risk' }), 'a run of before')).version).toBe(2);
    expect(await registry.models()).toEqual([{ name: 'mortality', versions: 2, latest: 2 }]);
    expect((await state.auditLog(50)).map(({ action, subject }) => `${action} ${subject}`)).toEqual(
      expect.arrayContaining(['model.promote model.risk', 'resource.rename model.mortality']),
    );
  });

  it('stays as unchangeable as it was, and never joins the versions of another', async () => {
    const registry = postgresRegistry(db, scopeId);
    await declare('model.risk');
    await registry.addVersion(newVersion({ name: 'risk' }), 'ada');
    await registry.addVersion(newVersion({ name: 'other' }), 'ada');
    await expect(move(['model.risk', 'model.other'])).rejects.toMatchObject({ code: 'AP108' });
    for (const statement of [
      `update mlops.model_versions set model = 'other' where model = 'risk'`,
      `update mlops.models set name = 'elsewhere' where name = 'risk'`,
      `update mlops.stage_moves set model = 'other'`,
    ])
      await expect(db.query(statement)).rejects.toThrow(/cannot be changed|append-only/);
  });
});

describe('a renamed pipeline', () => {
  const aRun = () =>
    newRun({
      runId: randomUUID(),
      spec: { ...pipelineOf({ a: {} }), name: 'nightly' },
      params: {},
      cause: MANUAL,
      gitCommit: null,
      idempotencyKey: null,
    });
  let runs: RunStore;
  beforeEach(() => {
    runs = createPostgresRuns(db, scopeId, { connectionString: database.connectionString });
  });

  it('has its runs under either name, those under way too', async () => {
    await declare('pipeline.nightly');
    const { run } = await runs.create(aRun(), runRules);
    await move(['pipeline.nightly', 'pipeline.hourly']);
    for (const pipeline of ['nightly', 'hourly'])
      expect((await runs.list({ pipeline, limit: 10 })).items).toMatchObject([
        { runId: run.runId, pipeline: 'hourly' },
      ]);
    expect((await runs.get(run.runId))?.spec.name).toBe('nightly');
    const late = await runs.create(aRun(), runRules);
    expect((await runs.summary(late.run.runId))?.pipeline).toBe('hourly');
  });

  it('fires no instant twice, whoever still knows it by the old name', async () => {
    await declare('pipeline.nightly');
    const before = await runs.schedule('pipeline.nightly', 'd');
    const instant = new Date(before.now.getTime() - 60_000);
    const fire = (name: string) => runs.fire({ name, instant, overlap: 'queue' }, aRun(), runRules);
    expect(await fire('pipeline.nightly')).toBeDefined();
    await move(['pipeline.nightly', 'pipeline.hourly']);
    expect(await fire('pipeline.hourly')).toBeUndefined();
    expect(await fire('pipeline.nightly')).toBeUndefined();
    for (const name of ['pipeline.hourly', 'pipeline.nightly'])
      expect((await runs.schedule(name, 'd')).cursor).toEqual(before.cursor);
  });

  it('fires each instant once while it is renamed to and fro', async () => {
    await declare('pipeline.nightly');
    const { now } = await runs.schedule('pipeline.nightly', 'd');
    const fired: unknown[] = [];
    const scheduler = async (name: string): Promise<void> => {
      for (let index = 0; index < 20; index += 1) {
        const instant = new Date(now.getTime() - index * 60_000);
        const outcome = await runs.fire({ name, instant, overlap: 'queue' }, aRun(), runRules);
        if (outcome !== undefined) fired.push(instant);
      }
    };
    const renaming = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) {
        await move(['pipeline.nightly', 'pipeline.hourly']);
        await move(['pipeline.hourly', 'pipeline.nightly']);
      }
    };
    await Promise.all([scheduler('pipeline.nightly'), scheduler('pipeline.hourly'), renaming()]);
    // Before the first rename nothing is called hourly: what fired under that name is a schedule of its own.
    const [row] = await db.query<{ n: number }>(
      "select count(*) as n from mlops.schedule_instants where scope_id = $1 and schedule = 'pipeline.nightly'",
      [scopeId],
    );
    expect(row?.n).toBe(20);
  });
});

describe('other renamed resources', () => {
  it('of a source: its snapshots, and never those of a source of that name that is gone', async () => {
    const features = createPostgresFeatureState(db, scopeId);
    const snapshot = (source: string, digest: string) => ({
      source,
      digest,
      location: `sources/${source}/${digest}.parquet`,
      rows: 1,
      bytes: 1,
      columns: [],
    });
    await declare('source.raw');
    await features.addSnapshot(snapshot('raw', 'aa'));
    await features.addSnapshot(snapshot('fresh', 'bb'));
    await move(['source.raw', 'source.fresh']);
    for (const name of ['raw', 'fresh'])
      expect(await features.latestSnapshot(name)).toMatchObject({ source: 'fresh', digest: 'aa' });
    expect((await features.addSnapshot(snapshot('raw', 'cc'))).snapshot).toMatchObject({
      source: 'fresh',
      digest: 'cc',
    });
  });

  it('of an endpoint: its predictions stay under the name that answered, and are found by both', async () => {
    const log = postgresPredictionLog(db, scopeId);
    await declare('endpoint.risk');
    await log.append([
      {
        id: randomUUID(),
        requestId: 'r',
        ordinal: 0,
        endpoint: 'risk',
        variant: 'a',
        model: 'm',
        version: 1,
        entity: null,
        features: {},
        prediction: 1,
        latencyMs: 1,
        ageMs: 0,
      },
    ]);
    await move(['endpoint.risk', 'endpoint.mortality']);
    for (const endpoint of ['risk', 'mortality'])
      expect((await log.list({ endpoint, limit: 5 })).items).toMatchObject([{ endpoint: 'risk' }]);
  });

  it('are read from a catalog by either name, and what depends on them says the new one', async () => {
    await declare('entity.patient');
    await declare('source.visits');
    await declare('feature_set.labs', ['entity.patient', 'source.visits']);
    await move(['entity.patient', 'entity.zoo']);
    const catalog = await postgresCatalog(db, scopeId, { follow: false });
    try {
      expect(catalog.get('entity', 'patient')).toBe(catalog.get('entity', 'zoo'));
      expect(catalog.get('entity', 'zoo')).toMatchObject({ name: 'zoo', spec: { name: 'zoo' } });
      expect(catalog.list('entity').map(({ name }) => name)).toEqual(['zoo']);
      expect(catalog.get('feature_set', 'labs')?.dependsOn).toEqual(['entity.zoo', 'source.visits']);
    } finally {
      await catalog.close();
    }
  });

  it('of several in a row are one transaction: all of them or none', async () => {
    for (const name of ['a', 'b', 'z']) await declare(`entity.${name}`);
    const before = await state.read();
    await expect(move(['entity.b', 'entity.c'], ['entity.a', 'entity.z'])).rejects.toMatchObject({ code: 'AP108' });
    expect(await state.read()).toEqual(before);
    await move(['entity.b', 'entity.c'], ['entity.a', 'entity.b']);
    expect((await state.read()).resources.map(({ name, formerNames }) => [name, formerNames])).toEqual([
      ['b', ['a']],
      ['c', undefined],
      ['z', undefined],
    ]);
  });
});
