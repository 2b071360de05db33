/** What every store of facts promises: it reads only, answers in time, and is silent about what it does not know. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FeatureSetStructure } from '../../src/spec/feature-set-structure.ts';
import type { FeatureState, NewPart } from '../../src/stores/control/feature-state.ts';
import type { NewPrediction } from '../../src/stores/control/prediction-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { openFacts } from '../../src/stores/postgres/postgres-facts.ts';
import { createPostgresFeatureQuality } from '../../src/stores/postgres/postgres-feature-quality.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { createPostgresRollouts } from '../../src/stores/postgres/rollouts/postgres-rollouts.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const structure: FeatureSetStructure = {
  keys: { id: 'int64' },
  source: 'raw',
  query: null,
  eventTime: 'at',
  createdTime: null,
  features: { value: { dtype: 'float64', column: 'value', expr: null } },
};
const { signal } = new AbortController();
const mine = { project: 'p', environment: 'mine' };

describe('the facts: postgres', () => {
  let database: FreshDatabase;
  let db: Database;
  let scopeId: number;
  let features: FeatureState;
  beforeAll(async () => {
    database = await freshDatabase();
    db = openDatabase({ connectionString: database.connectionString, max: 12 });
    scopeId = await ensureScope(db, mine);
    features = createPostgresFeatureState(db, scopeId);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  const part = (location: string, minEventTime: bigint | null, maxEventTime: bigint): Omit<NewPart, 'sequence'> => ({
    location,
    rows: 50,
    bytes: 400,
    minEventTime,
    maxEventTime,
    maxVisibleTime: maxEventTime,
  });

  async function materialize(set: string, version: number, parts: readonly Omit<NewPart, 'sequence'>[], rowsRead = 0) {
    await features.registerVersion(set, `d${version}`, structure);
    await features.materializing(set, version, signal, async (claim) => {
      const since = await features.now();
      for (const one of parts) await claim.commitPart({ ...one, sequence: await claim.nextSequence() });
      await claim.complete({ raw: `x${version}` }, { rowsRead, rowsWritten: rowsRead, since });
    });
  }

  const declare = (kind: 'model' | 'endpoint' | 'source', name: string) =>
    postgresState(db, scopeId).putFromApi(
      { address: `${kind}.${name}`, kind, name, spec: { name }, digest: name, dependsOn: [], protect: false },
      'a@b',
      {},
    );

  it('are none of a store without a schema, and of a scope that was never applied; nothing is made', async () => {
    const empty = await freshDatabase({ empty: true });
    const bare = openDatabase({ connectionString: empty.connectionString, max: 2 });
    try {
      expect(await openFacts(bare, mine).read()).toEqual({});
      expect(await bare.query("select 1 as found from pg_namespace where nspname = 'mlops'")).toEqual([]);
    } finally {
      await bare.close();
      await empty.drop();
    }
    expect(await openFacts(db, { project: 'p', environment: 'never' }).read()).toEqual({});
    expect(await db.query("select 1 as found from mlops.scopes where environment = 'never'")).toEqual([]);
  });

  it('tell of a set the newest version that has rows, the time that they span and the last speed', async () => {
    await materialize('labs', 1, [part('a', 5n, 100n), part('b', -7n, 30n)], 120);
    await features.registerVersion('labs', 'd2', structure);
    const { featureSets } = await openFacts(db, mine).read();
    expect(featureSets?.get('labs')).toEqual({
      version: 1,
      rows: 100,
      bytes: 800,
      firstEventTime: -7n,
      lastEventTime: 100n,
      lastMaterialization: { rows: 120, seconds: expect.any(Number), endedAt: expect.any(Date) },
    });
    expect(featureSets?.get('labs')?.lastMaterialization?.seconds).toBeLessThan(60);
    expect(featureSets?.has('never')).toBe(false);
  });

  it('do not know the first event time where one part was written before it was recorded, nor a speed where none was measured', async () => {
    await materialize('older', 1, [part('a', null, 100n), part('b', 3n, 30n)]);
    expect((await openFacts(db, mine).read()).featureSets?.get('older')).toMatchObject({
      firstEventTime: null,
      lastEventTime: 100n,
      lastMaterialization: null,
    });
  });

  it('count versions of models, live runs and rows of snapshots', async () => {
    await declare('model', 'risk');
    await declare('model', 'empty');
    await db.query("insert into mlops.models (scope_id, name, last_version) values ($1, 'risk', 3)", [scopeId]);
    for (const [version, stage, signature] of [
      [1, 'production', { features: ['labs.bili', 'labs.albumin'] }],
      [2, 'staging', { features: ['labs.platelet'] }],
      [3, 'staging', null],
    ] as const) {
      await db.query(
        `insert into mlops.model_versions (scope_id, model, version, stage, framework, metrics, hyperparameters, artifacts, tags, lineage, signature, created_at, created_by, stage_changed_at)
         values ($1, 'risk', $2, $3, 'onnx', '{}', '{}', '[]', '{}', '{}', $4, now(), 'a@b', now())`,
        [scopeId, version, stage, signature === null ? null : JSON.stringify(signature)],
      );
    }
    await addRun('weekly', 'running');
    await addRun('weekly', 'queued');
    await addRun('weekly', 'succeeded');
    for (const digest of ['one', 'two'])
      await features.addSnapshot({
        source: 'raw',
        digest,
        location: digest,
        rows: digest.length,
        bytes: 2 ** 40,
        columns: [],
      });
    const facts = await openFacts(db, mine).read();
    expect(facts.models).toEqual(
      new Map([
        ['risk', { versions: 3, production: 1, staging: 3, servedFeatures: ['labs.albumin', 'labs.bili'] }],
        ['empty', { versions: 0, production: null, staging: null, servedFeatures: [] }],
      ]),
    );
    expect(facts.liveRuns).toEqual(new Map([['weekly', 2]]));
    expect(facts.sources).toEqual(new Map([['raw', { rows: 3, bytes: 2 ** 40 }]]));
  });

  it('tell which snapshots of sources nothing needs, and since when; of a source that is gone all of them', async () => {
    await declare('source', 'grown');
    for (const [source, digest] of [
      ['grown', 'g1'],
      ['grown', 'g2'],
      ['grown', 'g3'],
      ['gone', 'gone-1'],
    ] as const)
      await features.addSnapshot({ source, digest, location: `at/${digest}`, rows: 1, bytes: 10, columns: [] });
    const { sourceSnapshots } = await openFacts(db, mine).read();
    const replaced = await db.query<{ created_at: Date }>(
      "select created_at from mlops.source_snapshots where digest = 'g2'",
    );
    expect(sourceSnapshots?.get('grown')).toEqual({
      all: { snapshots: 3, bytes: 30 },
      unneeded: { snapshots: 2, bytes: 20, since: replaced[0]?.created_at },
    });
    expect(sourceSnapshots?.get('gone')).toMatchObject({ unneeded: { snapshots: 1, bytes: 10 } });
    expect(sourceSnapshots?.has('never')).toBe(false);
  });

  it('name what lies in the stores under a name that nothing recorded has', async () => {
    await features.registerVersion('forgotten', 'd1', structure);
    await features.registerVersion('dropped', 'd1', structure);
    await features.drop('dropped');
    await db.query("insert into mlops.models (scope_id, name, last_version) values ($1, 'left', 1), ($1, 'never', 0)", [
      scopeId,
    ]);
    const { leftBehind } = await openFacts(db, mine).read();
    expect(leftBehind?.has('feature_set.forgotten')).toBe(true);
    expect(leftBehind?.has('model.left')).toBe(true);
    for (const address of ['feature_set.dropped', 'model.never', 'model.risk'] as const)
      expect(leftBehind?.has(address), address).toBe(false);
  });

  async function addRun(pipeline: string, status: string): Promise<void> {
    await db.query(
      `insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, status, finished_at)
       values ($1, $2, $3, '{}', '{}', '{}', $4, case when $4 = 'succeeded' then now() end)`,
      [randomUUID(), scopeId, pipeline, status],
    );
  }

  it('count the predictions of seven days, none of an endpoint that nobody asked', async () => {
    await declare('endpoint', 'busy');
    await declare('endpoint', 'idle');
    const log = postgresPredictionLog(db, scopeId);
    const day = 86_400_000;
    const prediction = (ageDays: number): NewPrediction => ({
      id: randomUUID(),
      requestId: randomUUID(),
      ordinal: 0,
      endpoint: 'busy',
      variant: 'a',
      model: 'risk',
      version: 1,
      entity: null,
      features: {},
      prediction: 0,
      latencyMs: 1,
      ageMs: ageDays * day,
    });
    await log.append([
      ...Array.from({ length: 14 }, (_, index) => prediction(index / 2.1)),
      prediction(8),
      prediction(30),
    ]);
    expect((await openFacts(db, mine).read()).requestsPerDay).toEqual(
      new Map([
        ['busy', 2],
        ['idle', 0],
      ]),
    );
  });

  it('tell of each endpoint the rollout that is open', async () => {
    const rollouts = createPostgresRollouts(db, scopeId);
    const begin = (endpoint: string, status: 'running' | 'rolled_back', share: number) =>
      rollouts.begin(
        {
          ...{ endpoint, candidate: 'treatment', baseline: 'control', model: 'risk', version: 3 },
          ...{ versionId: randomUUID(), stagedAt: null },
        },
        {
          ...{ status, step: 0, share, stepStartedAt: new Date(), pausedAt: null, pausedMs: 0, measuredAt: null },
          ...{ failures: {}, reason: '', plan: { steps: [{ share: 5 }], analysis: [] }, checks: [] },
        },
        { key: 'a', who: 'ada', replaces: null },
      );
    await begin('open', 'running', 5);
    await begin('over', 'rolled_back', 0);
    expect((await openFacts(db, mine).read()).rollouts).toEqual(
      new Map([['open', { candidate: 'treatment', version: 3, status: 'running', share: 5 }]]),
    );
  });

  it('tell who read which feature online within 30 days, over all versions, and of how many days that is known', async () => {
    const quality = createPostgresFeatureQuality(db, scopeId);
    await features.registerVersion('read', 'd1', structure);
    await features.registerVersion('read', 'd2', structure);
    const read = (version: number, reader: string, reads: number, ageDays: number) => ({
      set: 'read',
      version,
      feature: 'value',
      reader,
      reads,
      entities: reads,
      firstAgoMs: ageDays * 86_400_000,
      lastAgoMs: ageDays * 86_400_000,
    });
    await quality.addReads([read(1, 'key:svc-triage', 100, 29), read(2, 'key:svc-triage', 20, 0)]);
    await quality.addReads([read(2, 'key:svc-triage', 3, 0), read(1, 'key:batch', 7, 31), read(1, 'http', 1, 3)]);
    await quality.addReads([read(1, 'training:inputs', 1000, 0), read(1, 'history:key:ci', 1000, 0)]);
    const reads = async () => (await openFacts(db, mine).read()).onlineReads;
    expect((await reads())?.bySet.get('read')).toEqual([
      { feature: 'value', reader: 'key:svc-triage', reads: 123 },
      { feature: 'value', reader: 'http', reads: 1 },
    ]);
    expect((await reads())?.bySet.has('never')).toBe(false);
    expect((await reads())?.days).toBe(1);
    await db.query(
      "update mlops.migrations set applied_at = applied_at - interval '400 days' where name = 'reads_a_day'",
    );
    expect((await reads())?.days).toBe(30);
    // All reads ever stay counted; days that nobody asks for any more go.
    expect((await quality.reads('read')).reduce((sum, one) => sum + one.reads, 0)).toBe(2131);
    await db.query("update mlops.feature_reads set day = day - 31 where reader = 'http'");
    await quality.addReads([read(1, 'http', 1, 0)]);
    expect(await db.query("select reads from mlops.feature_reads where reader = 'http'")).toEqual([{ reads: 1 }]);
  });

  it('leave out what does not answer in time, and tell the rest', async () => {
    const blocker = openDatabase({ connectionString: database.connectionString, max: 1 });
    try {
      await blocker.transaction(async (tx) => {
        await tx.query('lock table mlops.prediction_blocks in access exclusive mode');
        const before = performance.now();
        const facts = await openFacts(db, mine, 300).read();
        expect(performance.now() - before).toBeLessThan(2000);
        expect(facts).not.toHaveProperty('requestsPerDay');
        expect(facts.featureSets?.has('labs')).toBe(true);
      });
    } finally {
      await blocker.close();
    }
  });
});
