/** A new version that is filled while the one before is retired: killed with SIGKILL at every boundary, and by two at once. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { startScript } from '../support/jiti-process.ts';
import type { Order } from '../support/materializer.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const CHUNK = 4;
const first: CanonicalSpecs['feature_set'] = {
  name: 'readings',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  features: { value: { dtype: 'float64' } },
};
const second: CanonicalSpecs['feature_set'] = {
  ...first,
  features: { value: { dtype: 'float64' }, other: { dtype: 'float64' } },
};
const specsOf = (set: CanonicalSpecs['feature_set']): Specs => ({
  source: [{ name: 'raw', file: 'rows.csv' }],
  entity: [{ name: 'thing', keys: { id: 'int64' } }],
  feature_set: [set],
});
const DAY = (day: number): string => new Date(Date.UTC(2024, 0, day)).toISOString();

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

interface Case {
  readonly directory: TemporaryDirectory;
  readonly scope: string;
}

const open = ({ directory, scope }: Case, set = second): Promise<FeatureStore> =>
  openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    scope,
    specs: () => specsOf(set),
    chunkRows: CHUNK,
  });

/** Version 1 has rows of its source and pushed ones, some not drained; version 2 is registered, and one more row pushed to both. */
async function prepared(scope: string): Promise<Case> {
  const directory = await temporaryDirectory();
  const rows = Array.from({ length: 6 }, (_, at) => [at % 3, DAY(at + 1), at, at * 10]);
  await writeCsv(join(directory.path, 'rows.csv'), ['id', 'at', 'value', 'other'], rows);
  const one = { directory, scope };
  const store = await open(one, first);
  const push = (id: number, value: number, day: number) =>
    store.features.push('readings', [{ entity: { id }, features: { value }, eventTime: DAY(day) }]);
  await store.features.materialize('readings', store.call);
  for (let day = 20; day < 26; day += 1) await push(day % 3, day, day);
  await store.features.materialize('readings', store.call);
  await push(7, 70, 30);
  await store.features.registerFeatureSet(second, { name: 'thing', keys: { id: 'int64' } });
  await push(8, 80, 31);
  await store.close();
  return one;
}

async function run({ directory, scope }: Case, dieAt: number, who = 'only') {
  const order: Order = {
    root: directory.path,
    connectionString: database.connectionString,
    scope,
    specs: specsOf(second),
    set: 'readings',
    chunkRows: CHUNK,
    dieAt,
  };
  const file = join(directory.path, `${who}.json`);
  await writeFile(file, JSON.stringify(order));
  const ended = await startScript('materializer.ts', [file]).ended;
  return {
    ...ended,
    boundaries: ended.stdout === '' ? 0 : (JSON.parse(ended.stdout) as { boundaries: number }).boundaries,
  };
}

/** What anybody could read afterwards. */
async function contents(one: Case) {
  const store = await open(one);
  try {
    const folder = (version: number) =>
      readdir(join(one.directory.path, '.mlops/offline/test/sets/readings', `v${version}`)).catch(() => []);
    const parts = await store.featureState.parts('readings', 2);
    const ids = [0, 1, 2, 7, 8];
    const online = await store.features.reader.read(
      ids.map((id) => ({ id })),
      ['readings.value', 'readings.other'],
    );
    const [state] = (await store.online.inspect([{ set: 'readings', version: 1 }])) ?? [];
    return {
      versions: (await store.featureState.versions('readings')).map(({ version, status, swept }) => [
        version,
        status,
        swept,
      ]),
      rows: parts.reduce((sum, part) => sum + part.rows, 0),
      files: (await folder(2)).length === parts.length,
      left: [(await folder(1)).length, state?.progress, state?.empty],
      online: online.map(({ features, eventTime }) => [...Object.values(features), eventTime['readings.value']]),
      retirements: (
        await store.db.query(
          "select 1 as one from mlops.audit_log l join mlops.scopes s using (scope_id) where s.project = $1 and action = 'feature_set.retire'",
          [one.scope],
        )
      ).length,
    };
  } finally {
    await store.close();
  }
}

it('ends in the same state, whatever the point at which it was killed, and by two at once', async () => {
  const undisturbed = await prepared('versions-undisturbed');
  const { boundaries, stderr } = await run(undisturbed, -1);
  expect(stderr).toBe('');
  const expected = await contents(undisturbed);
  await undisturbed.directory.remove();
  expect(expected).toMatchObject({
    versions: [
      [1, 'retired', true],
      [2, 'serving', false],
    ],
    rows: 14,
    files: true,
    left: [0, undefined, true],
    online: [
      [24, null, expect.stringContaining('2024-01-24')],
      [25, null, expect.stringContaining('2024-01-25')],
      [23, null, expect.stringContaining('2024-01-23')],
      [70, null, expect.stringContaining('2024-01-30')],
      [80, null, expect.stringContaining('2024-01-31')],
    ],
    retirements: 1,
  });
  expect(boundaries).toBeGreaterThan(15);

  for (let dieAt = 0; dieAt < boundaries; dieAt += 1) {
    const one = await prepared(`versions-killed-at-${dieAt}`);
    const killed = await run(one, dieAt);
    expect(killed.signal, `boundary ${dieAt}: ${killed.stderr}`).toBe('SIGKILL');
    const again = await run(one, -1);
    expect(again.stderr, `boundary ${dieAt}`).toBe('');
    expect(await contents(one), `boundary ${dieAt}`).toEqual(expected);
    await one.directory.remove();
  }

  const both = await prepared('versions-two-at-once');
  const ended = await Promise.all([run(both, -1, 'one'), run(both, -1, 'other')]);
  expect(ended.map((each) => each.stderr)).toEqual(['', '']);
  expect(await contents(both)).toEqual(expected);
  await both.directory.remove();
}, 400_000);
