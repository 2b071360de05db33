/** Materialization killed with SIGKILL at every boundary, and run again. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { startScript } from '../support/jiti-process.ts';
import type { Order } from '../support/materializer.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const ROWS = 100;
const CHUNK = 30;
const specs: Specs = {
  source: [{ name: 'readings_raw', file: 'rows.csv' }],
  entity: [{ name: 'thing', keys: { id: 'int64' } }],
  feature_set: [
    {
      name: 'readings',
      entity: 'thing',
      source: 'readings_raw',
      eventTime: 'at',
      features: { value: { dtype: 'float64' } },
    },
  ],
};

let directory: TemporaryDirectory;
let database: FreshDatabase;
beforeAll(async () => {
  directory = await temporaryDirectory();
  database = await freshDatabase();
  const rows = Array.from({ length: ROWS }, (_, index) => [
    index % 7,
    new Date(Date.UTC(2024, 0, 1) + ((index * 37) % ROWS) * 60_000).toISOString(),
    index / 2,
  ]);
  await writeCsv(join(directory.path, 'rows.csv'), ['id', 'at', 'value'], rows);
});
afterAll(async () => {
  await database?.drop();
  await directory?.remove();
});

async function run(scope: string, dieAt: number, rest: Partial<Order> = {}) {
  const order: Order = {
    root: directory.path,
    connectionString: database.connectionString,
    scope,
    specs,
    set: 'readings',
    chunkRows: CHUNK,
    dieAt,
    ...rest,
  };
  const file = join(directory.path, `${scope}.json`);
  await writeFile(file, JSON.stringify(order));
  const ended = await startScript('materializer.ts', [file]).ended;
  return {
    ...ended,
    result:
      ended.stdout === ''
        ? undefined
        : (JSON.parse(ended.stdout) as { report: Record<string, unknown>; boundaries: number }),
  };
}

/** What anybody could read afterwards. */
async function contents(store: FeatureStore) {
  const parts = await store.featureState.parts('readings', 1);
  const [version] = await store.featureState.versions('readings');
  const online = await store.features.reader.read(
    Array.from({ length: 7 }, (_, id) => ({ id })),
    ['readings.value'],
  );
  const folder = join(directory.path, '.mlops', 'offline', 'test', 'sets', 'readings', 'v1');
  return {
    rows: parts.map((part) => part.rows),
    files: (await readdir(folder)).length,
    status: version?.status,
    watermark: version?.eventWatermark,
    inputs: version?.inputs,
    statistics: (
      await Promise.all(
        (['batch', 'version'] as const).map((kind) =>
          store.quality.statistics({ set: 'readings', version: 1, kind, limit: 100 }),
        ),
      )
    ).map((all) => all.reduce((sum, { rows: counted, superseded }) => sum + counted + superseded, 0)),
    online: online.map(({ features, eventTime }) => [features['readings.value'], eventTime['readings.value']]),
  };
}

it('goes on where it was, whatever the point at which it was killed, and applies nothing twice', async () => {
  const undisturbed = await run('undisturbed', -1);
  expect(undisturbed.stderr).toBe('');
  const boundaries = undisturbed.result?.boundaries ?? 0;
  // The snapshot, 4 parts, one online batch, the progress, the completion and statistics of both kinds: two boundaries each.
  expect(boundaries).toBe(20);
  const open = (scope: string) =>
    openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      scope,
      specs: () => specs,
      chunkRows: CHUNK,
    });
  const twin = await open('undisturbed');
  const expected = await contents(twin);
  await twin.close();
  expect(expected).toMatchObject({ rows: [30, 30, 30, 10], files: 4, status: 'serving', statistics: [100, 100] });

  for (let dieAt = 0; dieAt < boundaries; dieAt += 1) {
    const scope = `killed-at-${dieAt}`;
    // Each scope of its own folder contents: the stores are as new, the database scope too.
    const fresh = await open(scope);
    await fresh.online.drop({ set: 'readings', version: 1 });
    await fresh.offline.sweep('sets/readings/v1', []);
    await fresh.close();
    const killed = await run(scope, dieAt);
    expect(killed.signal, `boundary ${dieAt}: ${killed.stderr}`).toBe('SIGKILL');
    const store = await open(scope);
    expect(await store.features.materialize('readings', store.call)).toMatchObject({ version: 1 });
    expect(await contents(store), `boundary ${dieAt}`).toEqual(expected);
    await store.close();
  }
}, 240_000);

it('reads of many files what came since, wherever it was killed the time before', async () => {
  const many: Specs = {
    ...specs,
    source: [{ name: 'readings_raw', file: 'many/*.csv' }],
  };
  const write = async (name: string, rows: readonly (readonly [number, string, number])[]): Promise<void> => {
    await mkdir(join(directory.path, 'many'), { recursive: true });
    await writeCsv(join(directory.path, 'many', `${name}.csv`), ['id', 'at', 'value'], rows);
  };
  const at = (day: number): string => new Date(Date.UTC(2024, 0, day)).toISOString();
  const first = async (): Promise<void> => {
    await rm(join(directory.path, 'many'), { recursive: true, force: true });
    await write('a', [
      [1, at(1), 1],
      [2, at(1), 2],
    ]);
    await write('b', [[3, at(2), 3]]);
  };
  /** One edited, one gone, one new with rows that came late. */
  const then = async (): Promise<void> => {
    await write('a', [
      [1, at(1), 10],
      [2, at(1), 2],
    ]);
    await rm(join(directory.path, 'many', 'b.csv'));
    await write('c', [
      [2, at(3), 20],
      [1, at(0), -1],
      [4, at(3), 4],
    ]);
  };
  const rest = { specs: many, ingest: 'readings_raw', chunkRows: 2 };
  const open = (scope: string) =>
    openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      scope,
      specs: () => many,
      chunkRows: 2,
    });
  const start = async (scope: string): Promise<void> => {
    const fresh = await open(scope);
    await fresh.online.drop({ set: 'readings', version: 1 });
    await fresh.offline.sweep('sets/readings/v1', []);
    await first();
    await fresh.features.ingest('readings_raw', fresh.call);
    await fresh.features.materialize('readings', fresh.call);
    await fresh.close();
    await then();
  };
  const seen = async (store: FeatureStore) => {
    const { rows, files: _, inputs, statistics, ...others } = await contents(store);
    const snapshot = await store.featureState.latestSnapshot('readings_raw');
    return {
      ...others,
      written: rows.reduce((sum, count) => sum + count, 0),
      counted: statistics[0],
      snapshot: snapshot?.rows,
      done: inputs?.['readings_raw'] === snapshot?.digest,
    };
  };
  await start('many');
  const undisturbed = await run('many', -1, rest);
  expect(undisturbed.stderr).toBe('');
  const boundaries = undisturbed.result?.boundaries ?? 0;
  // The snapshot, 2 parts of 4 rows, one online batch, the progress, the completion and statistics of both kinds.
  expect(boundaries).toBe(16);
  const twin = await open('many');
  const expected = await seen(twin);
  await twin.close();
  expect(expected).toMatchObject({ written: 7, counted: 7, snapshot: 5, done: true });
  for (let dieAt = 0; dieAt < boundaries; dieAt += 1) {
    const scope = `many-killed-at-${dieAt}`;
    await start(scope);
    expect((await run(scope, dieAt, rest)).signal, `boundary ${dieAt}`).toBe('SIGKILL');
    const store = await open(scope);
    await store.features.ingest('readings_raw', store.call);
    await store.features.materialize('readings', store.call);
    expect(await seen(store), `boundary ${dieAt}`).toEqual(expected);
    await store.close();
  }
}, 240_000);

it('releases each row that was kept aside once, wherever it was killed the time before', async () => {
  const aside: Specs = {
    ...specs,
    feature_set: (specs.feature_set ?? []).map((set) => ({
      ...set,
      features: { value: { dtype: 'float64', expect: { max: 40, onFailure: 'quarantine' } } },
    })),
  };
  const rest = { specs: aside, release: true };
  const open = (scope: string) =>
    openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      scope,
      specs: () => aside,
      chunkRows: CHUNK,
    });
  const start = async (scope: string): Promise<void> => {
    const fresh = await open(scope);
    await fresh.online.drop({ set: 'readings', version: 1 });
    await fresh.offline.sweep('sets/readings/v1', []);
    expect(await fresh.features.materialize('readings', fresh.call)).toMatchObject({
      quarantined: 19,
      rowsWritten: 81,
    });
    await fresh.close();
  };
  const seen = async (store: FeatureStore) => {
    const waiting = await store.featureState.pendingUpdates('readings', 1, 100);
    const held = await store.features.quarantine.held({ set: 'readings', limit: 100 });
    await store.features.materialize('readings', store.call);
    const { rows, statistics, online } = await contents(store);
    return {
      waiting: waiting.length,
      held: held.length,
      rows: rows.reduce((sum, count) => sum + count, 0),
      statistics,
      online,
    };
  };
  await start('released');
  const undisturbed = await run('released', -1, rest);
  expect(undisturbed.stderr).toBe('');
  expect(undisturbed.result?.report).toEqual({ released: 19 });
  const boundaries = undisturbed.result?.boundaries ?? 0;
  // One push, and its write online in the midst of it.
  expect(boundaries).toBe(4);
  const twin = await open('released');
  const expected = await seen(twin);
  await twin.close();
  // All rows are looked at after each of the two materializations.
  expect(expected).toMatchObject({ waiting: 19, held: 0, rows: 100, statistics: [100, 81 + 100] });
  for (let dieAt = 0; dieAt < boundaries; dieAt += 1) {
    const scope = `released-killed-at-${dieAt}`;
    await start(scope);
    expect((await run(scope, dieAt, rest)).signal, `boundary ${dieAt}`).toBe('SIGKILL');
    const store = await open(scope);
    await store.features.quarantine.release('readings');
    expect(await seen(store), `boundary ${dieAt}`).toEqual(expected);
    await store.close();
  }
}, 240_000);
