/** Recorded training sets: made again bit for bit, whatever happened to the feature sets since. */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CanonicalSpecs, TaskOf } from '../../src/spec/canonical-specs.ts';
import { seededRandom } from '../../src/training/random.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
const set: Set = {
  name: 'readings',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  ttl: '400d',
  features: {
    value: { dtype: 'float64' },
    note: { dtype: 'string' },
    doubled: { dtype: 'float64', expr: 'value * 2' },
  },
};
const SPINE = 'select id, raw."at" + interval 12 hour as "at", value > 50 as label from raw';

let database: FreshDatabase;
let directory: TemporaryDirectory;
let opened: OpenOffline;
let store: FeatureStore;
let specs: Specs;
let scopes = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());
const open = async (backend: (typeof offlineBackends)[number]): Promise<void> => {
  specs = {
    source: [{ name: 'raw', file: 'raw.csv' }],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [set],
    feature_service: [{ name: 'all', features: ['readings.value', 'readings.note', 'readings.doubled'] }],
  };
  directory = await temporaryDirectory();
  opened = await backend.open(directory.path);
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope: `training-${scopes++}`,
    chunkRows: 50,
    offline: opened.store,
  });
};
const close = async (): Promise<void> => {
  await store.close();
  await opened.close();
  await directory.remove();
};

const rowsOf = (seed: number, count = 200): (string | number | null)[][] => {
  const random = seededRandom(seed);
  const int = (from: number, to: number): number => from + Math.floor(random.next() * (to - from + 1));
  return Array.from({ length: count }, () => [
    int(1, 20),
    new Date(Date.UTC(2024, 0, int(1, 300))).toISOString(),
    int(0, 10) === 0 ? null : int(0, 100),
    `note ${int(0, 9)}`,
  ]);
};
const ingest = async (rows: (string | number | null)[][]): Promise<void> => {
  await writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value', 'note'], rows);
  await store.features.ingest('raw', store.call);
};
const materialize = () => store.features.materialize('readings', store.call);
type Split = TaskOf<'training_dataset'>['split'];
const make = (split?: Split) =>
  store.features.trainingDataset({ features: 'all', spine: SPINE, ...(split !== undefined && { split }) }, store.call);
const rebuild = (digest: string, restore = false) => store.features.rebuildTrainingSet(digest, { restore }, store.call);

describe.each(offlineBackends)('a recorded training set on $name', (backend) => {
  beforeEach(() => open(backend));
  afterEach(close);

  it('is the same bytes after materializations, corrections, pushes, a shorter ttl, a new version and a retirement', async () => {
    const seed = Number(process.env['SEED'] ?? 20_240_301);
    await ingest(rowsOf(seed));
    await materialize();
    const made = await make({ by: 'entity', test: 0.3, seed: 7 });
    expect(await rebuild(made.digest)).toMatchObject({ equal: true, rebuilt: made.artifact, stored: 'whole' });
    await ingest([...rowsOf(seed + 1), ...rowsOf(seed).map(([id, at]) => [id ?? 0, at ?? '', 1, 'corrected'])]);
    await materialize();
    await store.features.push('readings', [{ entity: { id: 3 }, features: { value: 1 }, eventTime: '2024-02-02' }]);
    await materialize();
    specs = { ...specs, feature_set: [{ ...set, ttl: '1d' }] };
    expect(await rebuild(made.digest)).toMatchObject({ equal: true });
    const other = await make({ by: 'entity', test: 0.3, seed: 7 });
    expect(other.artifact).not.toBe(made.artifact);
    const next: Set = {
      ...set,
      features: {
        value: { dtype: 'float64' },
        note: { dtype: 'string' },
        doubled: { dtype: 'float64', expr: 'value * 3' },
      },
    };
    specs = { ...specs, feature_set: [next] };
    await store.features.registerFeatureSet(next, { name: 'thing', keys: { id: 'int64' } });
    expect((await materialize()).retired).toEqual([1]);
    // What both were made from stays; what nothing needs is gone.
    const kept = await store.featureState.trainedFrom('readings', 1);
    expect(kept.length).toBeGreaterThan(0);
    for (const { state } of await store.offline.inspect(kept, store.call.signal)) expect(state).toBe('whole');
    for (const one of [made, other])
      expect(await rebuild(one.digest), `seed ${seed}`).toMatchObject({ equal: true, rows: one.rows });
    expect((await store.features.trainingSets(10)).map(({ digest }) => digest)).toEqual([other.digest, made.digest]);
    expect(await rebuild(made.digest.slice(0, 10))).toMatchObject({ digest: made.digest });
  });

  it('splits by time, by entity and by hash, the same way each time', async () => {
    await ingest(rowsOf(5));
    await materialize();
    for (const by of ['time', 'entity', 'row'] as const) {
      const made = await make({ by, test: 0.25, seed: 3 });
      expect(made.trainRows + made.testRows).toBe(made.rows);
      expect(await make({ by, test: 0.25, seed: 3 })).toMatchObject({ digest: made.digest });
      expect(await rebuild(made.digest)).toMatchObject({ equal: true });
      const { columns } = await store.offline.readColumns(await store.artifacts.localPath(made.artifact), [
        'id',
        'at',
        '__split',
      ]);
      const rows = Array.from({ length: made.rows }, (_, at) => ({
        id: columns['id']?.[at],
        at: Number(columns['at']?.[at]),
        side: columns['__split']?.[at],
      }));
      const test = rows.filter(({ side }) => side === 'test');
      const train = rows.filter(({ side }) => side === 'train');
      if (by === 'time')
        expect(Math.min(...test.map(({ at }) => at))).toBeGreaterThan(Math.max(...train.map(({ at }) => at)));
      if (by === 'entity') expect(test.filter(({ id }) => train.some((other) => other.id === id))).toEqual([]);
      if (by === 'row') expect(new globalThis.Set(test.map(({ id }) => id)).size).toBeGreaterThan(5);
      if (by !== 'time') expect((await make({ by, test: 0.25, seed: 4 })).artifact).not.toBe(made.artifact);
    }
  });

  it('is put back where the artifact store lost it or holds other bytes', async () => {
    await ingest(rowsOf(6));
    await materialize();
    const { digest, artifact } = await make();
    const path = await store.artifacts.localPath(artifact);
    await chmod(path, 0o644);
    await writeFile(path, 'other bytes');
    expect(await rebuild(digest)).toMatchObject({ equal: true, stored: 'damaged' });
    expect(await rebuild(digest, true)).toMatchObject({ equal: true, stored: 'restored' });
    await rm(await store.artifacts.localPath(artifact));
    expect(await rebuild(digest)).toMatchObject({ stored: 'missing' });
    expect(await rebuild(digest, true)).toMatchObject({ stored: 'restored' });
    await store.artifacts.localPath(artifact);
  });

  it('says what is missing where it cannot be made again', async () => {
    await ingest(rowsOf(7));
    await materialize();
    const { digest } = await make();
    await expect(rebuild('0'.repeat(64))).rejects.toMatchObject({ code: 'FS222', status: 404 });
    await store.features.dropFeatureSet('readings');
    await expect(rebuild(digest)).rejects.toMatchObject({
      code: 'FS222',
      detail: expect.stringContaining('sets/readings/v1'),
    });
    await expect(store.db.query('delete from mlops.training_sets')).rejects.toThrow('append-only');
  });
});
