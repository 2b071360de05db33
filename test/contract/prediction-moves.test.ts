import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { movePredictions, predictionsAsTable } from '../../src/serving/move-predictions.ts';
import type { NewPrediction, PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import type { PredictionMoveStore } from '../../src/stores/control/prediction-moves.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresFeedback } from '../../src/stores/postgres/postgres-feedback.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresPredictionMoves } from '../../src/stores/postgres/postgres-prediction-moves.ts';
import { freshScope, memoryCatalog } from '../support/models.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { newPrediction } from '../support/predictions.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const DAY_MS = 86_400_000;
let database: FreshDatabase;
let db: Database;
beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const prediction = (change: Partial<NewPrediction> = {}): NewPrediction =>
  newPrediction({
    entity: { id: 7 },
    features: { 'labs.bili': 1.5, 'labs.ward': `o'ne "two"\n\u0000 ü` },
    prediction: { label: 0, probability: 0.25 },
    latencyMs: 1.5,
    ...change,
  });

describe.each(offlineBackends)('predictions in the offline store on $name', (backend) => {
  let directory: TemporaryDirectory;
  let open: OpenOffline;
  let offline: OfflineStore;
  let log: PredictionLogStore;
  let store: PredictionMoveStore;
  let scopeId: number;
  const catalog = memoryCatalog({});
  const { signal } = new AbortController();

  beforeEach(async () => {
    directory = await temporaryDirectory();
    open = await backend.open(directory.path);
    offline = open.store;
    scopeId = await freshScope(db);
    log = postgresPredictionLog(db, scopeId);
    store = postgresPredictionMoves(db, scopeId);
    catalog.set({});
  });
  afterEach(async () => {
    await open.close();
    await directory.remove();
  });
  const move = (limits = { waitedMs: -1, rows: 1_000_000 }, into: PredictionMoveStore = store) =>
    movePredictions({ store: into, offline, catalog }, signal, limits);
  /** As somebody who queries it has it. */
  async function table(select = 'select * from p'): Promise<readonly Record<string, unknown>[]> {
    const made = await predictionsAsTable(
      { store, offline },
      { source: 'all', endpoint: 'mortality', lastDigest: null },
      signal,
    );
    const asked = await offline.snapshot(
      { source: { name: 'asked', query: select }, root: '', inputs: { p: made!.location }, lastDigest: null },
      signal,
    );
    expect(asked).toBeDefined();
    const keys = [{ name: 'prediction_id', type: 'string' as const }];
    const features = asked!.columns
      .map(({ name }) => name)
      .filter((name) => !['prediction_id', 'at'].includes(name))
      .map((name) => ({ name, dtype: 'string' as const, column: name }));
    const plan = {
      address: 'test',
      keys,
      eventTime: 'at',
      createdTime: null,
      features,
      from: { source: 'asked' },
      inputs: { asked: asked!.location },
    };
    const staged = await offline.stage(plan, [], 'sets/test/v1', signal);
    if (staged.rows === 0) return [];
    const part = await staged.write({ from: 0, to: staged.rows, sequence: 1 }, signal);
    await staged.discard();
    const rows: Record<string, unknown>[] = [];
    for await (const batch of offline.rows({ plan, parts: [part.location], after: 0, before: 10 }, signal))
      rows.push(...batch.map(({ key, values }) => ({ prediction_id: key[0], ...values })));
    return rows;
  }

  it('are there once, with all that was logged, and with what they turned out to be', async () => {
    const rows = Array.from({ length: 300 }, () => prediction());
    const failed = prediction({
      variant: null,
      model: null,
      version: null,
      prediction: null,
      failure: 'EP202',
      features: {},
      entity: null,
    });
    await log.append([...rows.slice(0, 200), failed, prediction({ endpoint: 'another' })]);
    expect(await move()).toEqual({ moved: 202, tables: 2, pruned: 0 });
    expect(await move()).toEqual({ moved: 0, tables: 0, pruned: 0 });
    await log.append(rows.slice(200));
    const feedback = postgresFeedback(db, scopeId);
    await feedback.record(
      'mortality',
      [0, 1].map((at) => ({ requestId: rows[at * 250]!.requestId, ordinal: 0, outcome: at, at: new Date(0) })),
      'test',
    );
    const told = await table();
    expect(told.map((row) => row['prediction_id']).sort()).toEqual([...rows, failed].map(({ id }) => id).sort());
    const by = new Map(told.map((row) => [row['prediction_id'], row]));
    expect(by.get(rows[250]!.id)).toMatchObject({
      request_id: rows[250]!.requestId,
      variant: 'control',
      role: 'answer',
      probability: '0.25',
      label: '0',
      outcome: '1',
      failure: null,
    });
    expect(JSON.parse(by.get(rows[0]!.id)!['features'] as string)).toEqual({
      'labs.bili': 1.5,
      'labs.ward': `o'ne "two"\n ü`,
    });
    expect(by.get(rows[0]!.id)).toMatchObject({ outcome: '0' });
    expect(by.get(rows[1]!.id)).toMatchObject({ outcome: null });
    expect(by.get(failed.id)).toMatchObject({ failure: 'EP202', variant: null, probability: null });
  });

  it('are neither lost nor there twice where a mover dies between its table and its note, or another is faster', async () => {
    const rows = Array.from({ length: 50 }, () => prediction());
    await log.append(rows);
    await expect(
      move(undefined, {
        ...store,
        moved: async () => {
          throw new Error('killed');
        },
      }),
    ).rejects.toThrow('killed');
    // Two at once: each writes its table, one of them is recorded.
    const reports = await Promise.all([move(), move()]);
    expect(reports.reduce((sum, { moved }) => sum + moved, 0)).toBe(50);
    expect(await move()).toMatchObject({ moved: 0 });
    expect((await table()).map((row) => row['prediction_id']).sort()).toEqual(rows.map(({ id }) => id).sort());
  });

  it('wait until they have waited or are many, and are parted by day', async () => {
    await log.append([
      ...Array.from({ length: 10 }, () => prediction({ ageMs: 2 * DAY_MS })),
      ...Array.from({ length: 10 }, () => prediction()),
    ]);
    expect(await move({ waitedMs: DAY_MS, rows: 1_000 })).toMatchObject({ moved: 10, tables: 1 });
    expect(await move({ waitedMs: DAY_MS, rows: 1_000 })).toMatchObject({ moved: 0 });
    expect(await move({ waitedMs: DAY_MS, rows: 10 })).toMatchObject({ moved: 10, tables: 1 });
    const { parts } = await store.parts('mortality');
    expect(new Set(parts.map(({ day }) => day)).size).toBe(2);
    expect(parts.map(({ rows }) => rows)).toEqual([10, 10]);
  });

  it('leave the control store once they are there and older than the endpoint keeps them, and stay a row of the table', async () => {
    const endpoint = {
      name: 'mortality',
      key: 'id',
      variants: { control: { model: 'risk' } },
      split: { control: 100 },
      log: { keep: '1d' },
    };
    catalog.set({ endpoint: [endpoint] });
    const old = prediction({ ageMs: 2 * DAY_MS });
    await log.append([old, prediction()]);
    const before = await movePredictions({ store, offline, catalog }, signal, { waitedMs: 3 * DAY_MS, rows: 1_000 });
    expect(before).toEqual({ moved: 0, tables: 0, pruned: 0 });
    expect(await move()).toEqual({ moved: 2, tables: 2, pruned: 1 });
    expect((await log.list({ limit: 10 })).items).toHaveLength(1);
    expect((await log.list({ requestId: old.requestId, limit: 10 })).items).toEqual([]);
    expect(await table()).toHaveLength(2);
  });

  it('are a table without rows where nothing was logged', async () => {
    expect(await table()).toEqual([]);
  });
});
