/** Materialization killed with SIGKILL at every boundary, and run again. */
import { readdir, writeFile } from 'node:fs/promises';
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

async function run(scope: string, dieAt: number) {
  const order: Order = {
    root: directory.path,
    connectionString: database.connectionString,
    scope,
    specs,
    set: 'readings',
    chunkRows: CHUNK,
    dieAt,
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
    online: online.map(({ features, eventTime }) => [features['readings.value'], eventTime['readings.value']]),
  };
}

it('goes on where it was, whatever the point at which it was killed, and applies nothing twice', async () => {
  const undisturbed = await run('undisturbed', -1);
  expect(undisturbed.stderr).toBe('');
  const boundaries = undisturbed.result?.boundaries ?? 0;
  // 4 parts, one online batch, the progress and the completion: two boundaries each.
  expect(boundaries).toBe(14);
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
  expect(expected).toMatchObject({ rows: [30, 30, 30, 10], files: 4, status: 'serving' });

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
