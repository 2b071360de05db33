/** Features of every type on their whole way: a file, materialization, the online store, pushes, expressions, history. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { type FeatureStore, openFeatureStore, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const UUID = '0e37df36-f698-11e6-8dd4-cb9ced3df976';

const set: CanonicalSpecs['feature_set'] = {
  name: 'profile',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  features: {
    tags: { dtype: 'array<string>' },
    scores: { dtype: 'array<float64>' },
    counts: { dtype: 'array<int64>' },
    visits: { dtype: 'array<timestamp>' },
    embedding: { dtype: 'vector<3>' },
    doc: { dtype: 'json' },
    seen: { dtype: 'timestamp' },
    born: { dtype: 'date' },
    device: { dtype: 'uuid' },
    raw: { dtype: 'bytes' },
    tag_count: { dtype: 'int64', expr: 'size(tags)' },
    is_new: { dtype: 'bool', expr: '"new" in tags' },
    first: { dtype: 'float64', expr: 'embedding[0]' },
    third_score: { dtype: 'float64', expr: 'scores[2]' },
    doubled: { dtype: 'array<float64>', expr: 'scores.map(s, s * 2)' },
    scaled: { dtype: 'vector<3>', expr: 'embedding.map(x, x / 2)' },
    same_raw: { dtype: 'bytes', expr: 'raw' },
    second_count: { dtype: 'int64', expr: 'counts[1]' },
    first_visit: { dtype: 'timestamp', expr: 'visits[0]' },
  },
};
const NAMES = Object.keys(set.features);
const COLUMNS = ['id', 'at', 'tags', 'scores', 'counts', 'visits', 'embedding', 'doc', 'seen', 'born', 'device', 'raw'];

let database: FreshDatabase;
let directory: TemporaryDirectory;
let store: FeatureStore;
beforeAll(async () => {
  database = await freshDatabase();
  directory = await temporaryDirectory();
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => ({
      source: [{ name: 'raw', file: 'raw.csv', types: { seen: 'string', doc: 'string' } }],
      entity: [{ name: 'thing', keys: { id: 'int64' } }],
      feature_set: [set],
    }),
  });
});
afterAll(async () => {
  await store?.close();
  await database?.drop();
  await directory?.remove();
});

const online = async (id: number): Promise<Record<string, unknown>> => {
  const features = NAMES.map((name) => `profile.${name}`);
  const [row] = await store.features.reader.read([{ id }], features);
  return Object.fromEntries(NAMES.map((name) => [name, row?.features[`profile.${name}`]]));
};

/** As they are now, by the join that training sets are made with. */
const offline = async (id: number, format: 'json' | 'jsonl' | 'csv' | 'arrow' | 'parquet'): Promise<Buffer> => {
  const made = await store.features.history(
    { features: NAMES.map((name) => `profile.${name}`), spine: { rows: [{ id, at: '2030-01-01' }] }, format },
    store.call,
  );
  const content = await readFile(made.path);
  await rm(made.path);
  return content;
};

const offlineValues = async (id: number): Promise<Record<string, unknown>> => {
  const [row = {}] = JSON.parse(String(await offline(id, 'json'))) as Record<string, unknown>[];
  return Object.fromEntries(NAMES.map((name) => [name, row[name]]));
};

const expected = {
  tags: ['new', null, 'a,"b"'],
  scores: [1.5, null],
  counts: ['9007199254740993', 2],
  visits: ['2024-01-01T22:00:00.000000Z'],
  embedding: [0.5, -1, 2],
  doc: { a: [1, { b: null }] },
  seen: '2024-02-29T12:00:00.123456Z',
  born: '1960-02-29',
  device: UUID,
  raw: Buffer.from('ünï').toString('base64'),
  tag_count: 3,
  is_new: true,
  first: 0.5,
  third_score: null,
  doubled: [3, null],
  scaled: [0.25, -0.5, 1],
  same_raw: Buffer.from('ünï').toString('base64'),
  second_count: 2,
  first_visit: '2024-01-01T22:00:00.000000Z',
};

/** JSON has whole numbers beyond 2^53 as text; a reader of the engine's JSON rounds them. */
const rounded = (values: Record<string, unknown>): unknown =>
  JSON.parse(
    JSON.stringify(values, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    (_, value: unknown) => (value === '9007199254740993' ? 9007199254740992 : value),
  );

it('a file gives features of every type, online what training sees', async () => {
  await writeCsv(join(directory.path, 'raw.csv'), COLUMNS, [
    [
      1,
      '2024-03-01',
      JSON.stringify(expected.tags),
      JSON.stringify(expected.scores),
      '[9007199254740993, 2]',
      '["2024-01-02T00:00:00+02:00"]',
      '[0.5, -1, 2]',
      JSON.stringify(expected.doc),
      '2024-02-29T13:00:00.123456+01:00',
      expected.born,
      UUID.toUpperCase(),
      'ünï',
    ],
    [2, '2024-03-01', ...COLUMNS.slice(2).map(() => null)],
  ]);
  expect(await store.features.materialize('profile', store.call)).toMatchObject({ rowsWritten: 2, onlineWritten: 2 });
  expect(rounded(await online(1))).toEqual(rounded(expected));
  expect(rounded(await offlineValues(1))).toEqual(rounded(expected));
  const none = Object.fromEntries(NAMES.map((name) => [name, null]));
  expect([await online(2), await offlineValues(2)]).toEqual([none, none]);
  expect(await store.features.materialize('profile', store.call)).toMatchObject({ rowsWritten: 0, onlineWritten: 0 });
});

it('a push gives the same, and what it leaves out stays', async () => {
  const { tags, scores, counts, visits, embedding, doc, seen, born, device, raw } = expected;
  const features = { tags, scores, counts, visits, embedding, doc, seen, born, device, raw };
  await store.features.push('profile', [{ entity: { id: 3 }, features, eventTime: '2024-03-01T00:00:00Z' }]);
  await store.features.push('profile', [
    { entity: { id: 3 }, features: { born: expected.born }, eventTime: '2024-03-02T00:00:00Z' },
  ]);
  expect(rounded(await online(3))).toEqual(rounded(expected));
  await store.features.materialize('profile', store.call);
  expect(rounded(await online(3))).toEqual(rounded(expected));
  expect(rounded(await offlineValues(3))).toEqual(rounded(expected));
});

it('history has them in every format', async () => {
  const csv = String(await offline(1, 'csv'));
  expect(csv).toContain('"[""new"",null,""a,\\""b\\""""]"');
  expect(csv).toContain('"[0.5,-1.0,2.0]"');
  const row = tableFromIPC(await offline(1, 'arrow'))
    .get(0)
    ?.toJSON() as Record<string, Iterable<unknown>>;
  expect([...(row['tags'] ?? [])]).toEqual(expected.tags);
  expect([...(row['embedding'] ?? [])]).toEqual(expected.embedding);
  expect([...(row['counts'] ?? [])]).toEqual([9007199254740993n, 2n]);
  const path = join(directory.path, 'history.parquet');
  await writeFile(path, await offline(1, 'parquet'));
  const { columns } = await store.offline.readColumns(path, ['embedding', 'tags', 'doc']);
  expect(columns).toMatchObject({ embedding: [expected.embedding], tags: [expected.tags] });
});

it.each([
  ['embedding', [1, 2], 'The feature embedding of profile is vector<3>; [1,2] is not: it has 2 numbers.'],
  [
    'embedding',
    [1, 2, null],
    'The feature embedding of profile is vector<3>; [1,2,null] is not: its item 2 is null, which is no float32.',
  ],
  ['tags', 'new', 'The feature tags of profile is array<string>; "new" is not: it is no list.'],
  [
    'scores',
    [1, 'x'],
    'The feature scores of profile is array<float64>; [1,"x"] is not: its item 1 is "x", which is no float64.',
  ],
])('a push of %s that does not fit is refused with the reason: %j', async (name, value, detail) => {
  await expect(
    store.features.push('profile', [{ entity: { id: 4 }, features: { [name]: value } }]),
  ).rejects.toMatchObject({ code: 'API422', detail });
});

it('a file whose embedding has another length is refused with its column', async () => {
  await writeCsv(join(directory.path, 'raw.csv'), COLUMNS, [
    [1, '2024-03-05', null, null, null, null, '[1, 2]', null, null, null, null, null],
  ]);
  await store.features.ingest('raw', store.call);
  await expect(store.features.materialize('profile', store.call)).rejects.toMatchObject({
    code: 'FS204',
    detail: 'The column embedding of feature_set.profile holds "[1, 2]", which is no vector<3> (1 such row).',
  });
});
