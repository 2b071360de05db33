/** What was served against what the offline store answers: every cause provoked, and none left over whatever the order of things. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AnswerLog, createAnswerLog } from '../../src/features/answer-log.ts';
import { CAUSES, causeOf, type Evidence, EXPLAINED } from '../../src/features/verify/causes.ts';
import { type VerifyReport, type VerifyRequest, verify } from '../../src/features/verify/verify.ts';
import type { LoadedModel } from '../../src/serving/loaded-model.ts';
import { modelInputs } from '../../src/serving/model-inputs.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { AnswerLogStore } from '../../src/stores/control/answer-log.ts';
import type { PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import { postgresAnswerLog } from '../../src/stores/postgres/postgres-answer-log.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { seededRandom } from '../../src/training/random.ts';
import { catalogOf, type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
type Row = readonly (string | number | null)[];
const set: Set = {
  name: 'readings',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  features: {
    value: { dtype: 'float32', default: -1 },
    note: { dtype: 'string', default: 'none' },
    doubled: { dtype: 'float64', expr: 'value * 2', default: -2 },
  },
};
const NAMES = ['readings.value', 'readings.note', 'readings.doubled'];

let database: FreshDatabase;
let directory: TemporaryDirectory;
let opened: OpenOffline;
let store: FeatureStore;
let log: PredictionLogStore;
let answerStore: AnswerLogStore;
let answerLog: AnswerLog;
let specs: Specs;
/** Reads are as of so long ago. */
let ago: number;
let scopes = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());
const open = async (backend: (typeof offlineBackends)[number]): Promise<void> => {
  ago = 0;
  specs = {
    source: [{ name: 'raw', file: 'raw.csv' }],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [set],
  };
  directory = await temporaryDirectory();
  const scope = `verify-${scopes++}`;
  opened = await backend.open(directory.path);
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope,
    chunkRows: 4,
    offline: opened.store,
    clock: { now: () => new Date(Date.now() - ago) },
    answers: (db, scopeId) => {
      answerStore = postgresAnswerLog(db, scopeId);
      answerLog = createAnswerLog({
        store: answerStore,
        sample: 1,
        keepMs: 86_400_000,
        newId: randomUUID,
        random: Math.random,
        monotonicMs: () => performance.now(),
        mostASecond: 1_000,
      });
      return answerLog;
    },
  });
  log = postgresPredictionLog(store.db, await ensureScope(store.db, { project: scope, environment: 'test' }));
};
const close = async (): Promise<void> => {
  await store.close();
  await opened.close();
  await directory.remove();
};

const catalog = () => catalogOf(directory.path, () => specs);
const ingest = async (rows: readonly Row[]): Promise<void> => {
  await writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value', 'note'], rows);
  await store.features.ingest('raw', store.call);
};
const materialize = () => store.features.materialize('readings', store.call);
const push = (id: number, value: number, eventTime: string, to?: 'online' | 'offline' | 'online_and_offline') =>
  store.features.push('readings', [{ entity: { id }, features: { value }, eventTime }], to);
const check = (request: VerifyRequest = {}): Promise<VerifyReport> =>
  verify(
    {
      catalog: catalog(),
      featureState: store.featureState,
      offline: store.offline,
      predictions: log,
      answers: answerStore,
    },
    request,
    store.call,
  );
const causes = async () => Object.fromEntries((await check()).causes.map(({ cause, values }) => [cause, values]));
/** As serving does it: what a model gets, and how it came about, is logged. */
async function predict(
  id: number,
  { msAgo = 0, inputs, version }: { msAgo?: number; inputs?: Record<string, unknown>; version?: number } = {},
) {
  ago = msAgo;
  const reads = version === undefined ? NAMES : NAMES.map((name) => name.replace('.', `@${version}.`));
  const loaded = { features: NAMES, reads, model: { featureTypes: [], featureWidths: [] } } as unknown as LoadedModel;
  const row = { entity: { id }, inputs };
  const made = await modelInputs({
    loaded,
    rows: [row],
    positions: [0],
    key: 'id',
    features: store.features.reader,
    catalog: catalog(),
  });
  ago = 0;
  const features = Object.fromEntries(NAMES.map((name, at) => [name, made.columns[at]?.[0] as number | string]));
  await log.append([
    {
      id: randomUUID(),
      requestId: 'r',
      ordinal: 0,
      endpoint: 'risk',
      variant: 'a',
      model: 'risk',
      version: 1,
      entity: { id },
      features,
      prediction: 0,
      latencyMs: 1,
      ageMs: msAgo,
      ...(made.reads[0] !== undefined && { reads: made.reads[0] }),
    },
  ]);
  return features;
}
/** As the HTTP interface reads, at once where that can be. */
async function ask(...ids: number[]) {
  const entities = ids.map((id) => ({ id }));
  const rows = await (store.features.reader.readNow(entities, NAMES, 'http') ??
    store.features.reader.readAligned(entities, NAMES, 'http'));
  await answerLog.close();
  return rows;
}
const HOUR = "interval '1 hour'";
/** What was recorded so far was recorded an hour ago. */
const anHourLater = async (): Promise<void> => {
  await store.db.query(`update mlops.feature_parts set created_at = created_at - ${HOUR}`);
  await store.db.query(`update mlops.online_fills set at = at - ${HOUR}`);
  // By way of a time that no row has: a second is part of the key.
  for (const far of ["- interval '400000 days'", `+ interval '400000 days' - ${HOUR}`])
    await store.db.query(`update mlops.push_times set second = second ${far}, at = at ${far}`);
  await store.db.query(`update mlops.prediction_blocks set at = at - ${HOUR}`);
  await store.db.query(`update mlops.online_answers set at = at - ${HOUR}`);
};
const DAY = (day: number): string => new Date(Date.UTC(2024, 0, day)).toISOString();
const before = 10_000;

describe.each(offlineBackends)('verify on $name', (backend) => {
  afterEach(close);
  beforeEach(async () => {
    await open(backend);
    await ingest([
      [1, DAY(1), 0.1, 'a'],
      [2, DAY(1), 2, null],
    ]);
    await materialize();
  });

  it('finds nothing where what was served is what is known', async () => {
    for (const id of [1, 2, 3]) await predict(id);
    await push(4, 0.3, DAY(2));
    await predict(4);
    await materialize();
    expect(await check()).toMatchObject({ predictions: 4, values: 12, equal: 12, causes: [], unexplained: 0 });
    expect((await check({ sample: 1e-9 })).predictions).toBe(0);
    expect((await check({ since: new Date(Date.now() + 60_000) })).predictions).toBe(0);
    expect((await check({ endpoint: 'other' })).predictions).toBe(0);
  });

  it('tells rows that came after the answer from those that corrected one', async () => {
    await predict(1, { msAgo: before });
    await predict(2, { msAgo: before });
    await ingest([
      [1, DAY(1), 0.1, 'a'],
      [1, DAY(5), 5, 'a'],
      [2, DAY(1), 3, null],
    ]);
    await materialize();
    const report = await check();
    expect(report).toMatchObject({ values: 6, equal: 2, unexplained: 0 });
    expect(report.causes).toMatchObject([
      { cause: 'late', values: 2, example: { served: expect.closeTo(0.1), offline: 5, version: 1 } },
      { cause: 'correction', values: 2 },
    ]);
  });

  it('tells what was pushed: not materialized offline yet, to the online store alone, to the offline store alone', async () => {
    await push(1, 7, DAY(2));
    await predict(1);
    expect(await causes()).toEqual({ pending: 2 });
    await materialize();
    expect(await causes()).toEqual({});
    await push(2, 8, DAY(2), 'online');
    await predict(2);
    expect(await causes()).toEqual({ online_only: 2 });
  });

  it('tells a row that was known and not online yet', async () => {
    await push(1, 9, DAY(3), 'offline');
    await anHourLater();
    await predict(1);
    await materialize();
    expect(await causes()).toEqual({ not_materialized: 2 });
  });

  it('tells a ttl that is another one now, both ways', async () => {
    await predict(1);
    specs = { ...specs, feature_set: [{ ...set, ttl: '1d' }] };
    expect(await causes()).toEqual({ ttl: 3 });
    await predict(2);
    specs = { ...specs, feature_set: [set] };
    // A note that is null is the same either way.
    expect(await causes()).toEqual({ ttl: 2 });
  });

  it('tells a version that is retired', async () => {
    await predict(1, { version: 1 });
    const next: Set = {
      ...set,
      features: { ...set.features, doubled: { dtype: 'float64', expr: 'value * 3', default: 0 } },
    };
    specs = { ...specs, feature_set: [next] };
    await store.features.registerFeatureSet(next, { name: 'thing', keys: { id: 'int64' } });
    expect((await materialize()).retired).toEqual([1]);
    expect(await causes()).toEqual({ version: 3 });
  });

  it('tells an online store that was emptied from a record that is missing', async () => {
    await anHourLater();
    await store.online.drop({ set: 'readings', version: 1 });
    expect(await predict(1)).toMatchObject({ 'readings.value': -1 });
    const report = await check();
    expect(report).toMatchObject({ unexplained: 3, causes: [{ cause: 'missing', explained: false, values: 3 }] });
    await materialize();
    expect(await causes()).toEqual({ lost: 3 });
  });

  it('finds a record that was changed, and one that nothing recorded', async () => {
    const [part] = await store.featureState.parts('readings', 1);
    const { encodeKey } = await import('../../src/features/entity-key.ts');
    const record = { eventTime: BigInt(Date.parse(DAY(1))) * 1000n, createdTime: null, sequence: part?.sequence ?? 0 };
    const key = encodeKey(['int64'], [1]);
    const table = { set: 'readings', version: 1 };
    await store.online.write(table, [{ key, record: { ...record, values: { value: 0.2, note: 'a' } } }]);
    await predict(1);
    const report = await check();
    expect(report.causes).toMatchObject([
      {
        cause: 'value',
        explained: false,
        values: 2,
        example: { served: 0.2, offline: expect.closeTo(0.1), entity: { id: 1 } },
      },
    ]);
    expect(report.unexplained).toBe(2);
    const later = {
      ...record,
      eventTime: record.eventTime + 1n,
      sequence: 10_000_000,
      values: { value: 4, note: 'a' },
    };
    await store.online.write(table, [{ key, record: later }]);
    await predict(1);
    expect(await causes()).toEqual({ value: 2, vanished: 2 });
  });

  it('leaves aside what came with the request, and what was logged before its reads were', async () => {
    await predict(1, { inputs: { value: 99 } });
    const [logged] = (await log.list({ limit: 1 })).items;
    const { reads: _, at: __, ...unrecorded } = logged!;
    await log.append([
      { ...unrecorded, id: randomUUID(), ageMs: 0 },
      // What failed was asked with nothing, and so was a shadow that tells no reads.
      { ...unrecorded, id: randomUUID(), prediction: null, failure: 'EP203', ageMs: 0 },
      { ...unrecorded, id: randomUUID(), role: 'shadow', ageMs: 0 },
    ]);
    expect(await check()).toMatchObject({ predictions: 2, given: 1, unrecorded: 1, values: 2, equal: 2 });
  });

  it('replays answers to readers by the same rule, each with its entity and its record', async () => {
    await ask(1);
    await ask(2);
    await ask(3);
    await store.features.reader.readAligned([{ id: 1 }], ['readings@1.value', 'readings.note'], 'key:app');
    await store.features.reader.readAligned([{ id: 1 }], NAMES);
    await answerLog.close();
    expect(await check()).toMatchObject({ predictions: 0, answers: 4, values: 11, equal: 11, causes: [] });
    await anHourLater();
    await ingest([
      [1, DAY(1), 0.1, 'a'],
      [1, DAY(5), 5, 'a'],
      [2, DAY(1), 3, null],
    ]);
    await materialize();
    const report = await check();
    expect(report).toMatchObject({ answers: 4, values: 11, equal: 6, unexplained: 0 });
    expect(report.causes).toMatchObject([
      {
        cause: 'late',
        values: 3,
        example: { prediction: null, answer: expect.stringMatching(/^[0-9a-f-]{36}$/), entity: { id: 1 }, offline: 5 },
      },
      { cause: 'correction', values: 2, example: { reader: 'http', endpoint: null, entity: { id: 2 }, served: 2 } },
    ]);
    expect(await check({ of: 'predictions' })).toMatchObject({ predictions: 0, answers: 0 });
    expect(await check({ endpoint: 'risk' })).toMatchObject({ predictions: 0, answers: 0 });
    expect(await check({ since: new Date(Date.now() + 60_000) })).toMatchObject({ answers: 0 });
    await predict(1);
    expect(await check({ of: 'answers' })).toMatchObject({ predictions: 0, answers: 4 });
  });

  it('finds an answer that no row gives', async () => {
    await anHourLater();
    await store.online.drop({ set: 'readings', version: 1 });
    expect(await ask(1)).toMatchObject([{ statuses: ['not_found', 'not_found', 'not_found'] }]);
    expect(await check()).toMatchObject({
      unexplained: 3,
      causes: [{ cause: 'missing', explained: false, values: 3 }],
    });
  });

  it('calls a row that came within the second of the answer neither late nor missing', () => {
    const winner = { sequence: 2, eventTime: 2n, createdTime: null, values: {}, pending: false };
    const evidence: Evidence = {
      served: null,
      expired: false,
      winner,
      winnerCounts: true,
      servedIsKnown: false,
      from: 10_000,
      until: 10_010,
      known: { from: 10_500, until: 10_500 },
      winnerPushed: 'both',
      servedPushed: null,
      onlineSince: null,
      refilledAfter: false,
    };
    expect(causeOf(evidence)).toBe('clock');
    expect(causeOf({ ...evidence, known: { from: 9_500, until: 9_500 } })).toBe('clock');
    expect(causeOf({ ...evidence, known: { from: 20_000, until: 20_000 } })).toBe('late');
    expect(causeOf({ ...evidence, known: { from: 1_000, until: 1_000 } })).toBe('missing');
  });

  it('explains every difference, in whatever order rows are pushed, ingested, materialized and read', {
    timeout: 240_000,
  }, async () => {
    const seed = Number(process.env['SEED'] ?? 77);
    const random = seededRandom(seed);
    const pick = (below: number): number => Math.floor(random.next() * below);
    const rows: Row[] = [];
    const trail: string[] = [];
    await ingest([[1, DAY(1), 1, 'a']]);
    await materialize();
    for (let step = 0; step < 70; step += 1) {
      // Far enough apart that none of it falls into the second of another.
      await anHourLater();
      const [id, day, value] = [1 + pick(4), 1 + pick(40), pick(1000) / 10];
      const doing = pick(10);
      trail.push(`${doing}:${id}:${day}:${value}`);
      if (doing < 2) rows.push([id, DAY(day), random.next() < 0.1 ? null : value, 'n']);
      else if (doing < 3) await ingest([[1, DAY(1), 1, 'a'], ...rows]);
      else if (doing < 4) await materialize();
      else if (doing < 6)
        await push(id, value, DAY(day), (['online', 'offline', 'online_and_offline'] as const)[pick(3)]);
      else if (doing < 7) await store.online.drop({ set: 'readings', version: 1 }).then(materialize);
      else if (doing < 9) await predict(id, { msAgo: 0 });
      else await ask(id);
    }
    const report = await check();
    expect(report.predictions + report.answers).toBeGreaterThan(10);
    expect(report.answers).toBeGreaterThan(3);
    expect(
      report.causes.filter(({ explained }) => !explained),
      `seed ${seed}: ${trail.join(' ')}`,
    ).toEqual([]);
    await materialize();
    expect(
      (await check()).causes.filter(({ explained }) => !explained),
      `seed ${seed}`,
    ).toEqual([]);
  });
});

it('has a line for every cause in the documentation, as explained as it is', async () => {
  const page = await readFile(new URL('../../docs/features.md', import.meta.url), 'utf8');
  for (const cause of Object.keys(CAUSES) as (keyof typeof CAUSES)[])
    expect(page).toMatch(
      new RegExp(`\\| \`${cause}\` \\|.*\\| ${EXPLAINED.has(cause) ? 'explained' : 'unexplained'} \\|`),
    );
});
