/** Rows that a model answers, over every offline store: what it is asked with, and where its answers stand. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AnswerRows } from '../../src/features/scoring.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { seededRandom } from '../../src/training/random.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
const readings: Set = {
  name: 'readings',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  features: { value: { dtype: 'float64' }, doubled: { dtype: 'float64', expr: 'value * 2' } },
};
const scores: Set = {
  name: 'scores',
  entity: 'thing',
  push: true,
  eventTime: 'predicted_at',
  features: { prediction: { dtype: 'float64' }, model_version: { dtype: 'int64' } },
};
const INSTANT = Date.UTC(2025, 0, 1);
const DAY = 86_400_000;

let database: FreshDatabase;
let directory: TemporaryDirectory;
let opened: OpenOffline;
let store: FeatureStore;
let scopes = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

/** The sum of what it is asked with; nothing where something is missing. */
const sum =
  (batches: number[] = []): AnswerRows =>
  async ({ columns, rows }) => {
    batches.push(rows);
    return Array.from({ length: rows }, (_, row) => {
      const values = columns.map((column) => column[row] as number | null);
      return values.some((value) => value === null)
        ? undefined
        : { prediction: values.reduce<number>((total, value) => total + (value ?? 0), 0) };
    });
  };

describe.each(offlineBackends)('rows to score: $name', (backend) => {
  beforeEach(async () => {
    const specs: Specs = {
      source: [
        { name: 'raw', file: 'raw.csv' },
        { name: 'asked', file: 'asked.csv' },
      ],
      entity: [{ name: 'thing', keys: { id: 'int64' } }],
      feature_set: [readings, scores],
      feature_service: [{ name: 'all', features: ['readings.value', 'readings.doubled'] }],
    };
    directory = await temporaryDirectory();
    opened = await backend.open(directory.path);
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope: `scoring-${scopes++}`,
      offline: opened.store,
    });
  });
  afterEach(async () => {
    await store.close();
    await opened.close();
    await directory.remove();
  });

  const given = async (name: string, columns: readonly string[], rows: readonly (readonly unknown[])[]) => {
    await writeCsv(join(directory.path, name), columns, rows as (string | number | null)[][]);
    if (name === 'raw.csv') await store.features.materialize('readings', store.call);
  };
  type Request = Parameters<typeof store.features.score>[0];
  const score = (request: Partial<Request> & Pick<Request, 'rows'>, answer: AnswerRows = sum()) =>
    store.features.score(
      {
        features: ['readings.value', 'readings.doubled'],
        reads: ['readings@1.value', 'readings@1.doubled'],
        instant: BigInt(INSTANT) * 1000n,
        batchRows: 7,
        pipeline: 'p',
        task: 't',
        version: { model: 'm', version: 3 },
        root: directory.path,
        ...request,
      },
      answer,
      store.call,
    );
  const fileRows = async (name: string) =>
    (await readFile(join(directory.path, name), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('are asked as of their own times, in batches, and stand beside their answers in their order', async () => {
    const random = seededRandom(11);
    const int = (to: number): number => Math.floor(random.next() * to);
    const history = Array.from({ length: 120 }, (_, day) => ({ id: int(9), day, value: int(100) }));
    await given(
      'raw.csv',
      ['id', 'at', 'value'],
      history.map(({ id, day, value }) => [id, new Date(INSTANT + day * DAY).toISOString(), value]),
    );
    const asked = Array.from({ length: 60 }, (_, n) => ({ n, id: int(12), day: int(140) - 10 }));
    await given(
      'asked.csv',
      ['n', 'id', 'at', 'note'],
      asked.map(({ n, id, day }) => [n, id, new Date(INSTANT + day * DAY + 1000).toISOString(), `note ${n}`]),
    );
    const batches: number[] = [];
    const scored = await score({ rows: { source: 'asked' }, file: 'out/all.jsonl' }, sum(batches));
    const expected = asked.map(({ n, id, day }) => {
      const known = history.filter((row) => row.id === id && row.day <= day).at(-1);
      return { n, note: `note ${n}`, prediction: known === undefined ? null : known.value * 3 };
    });
    const rows = (await fileRows('out/all.jsonl')).map(({ n, note, prediction }) => ({ n, note, prediction }));
    expect(rows).toEqual(expected);
    expect(scored.unanswered).toBe(expected.filter(({ prediction }) => prediction === null).length);
    expect(scored.unanswered).toBeGreaterThan(0);
    expect(batches).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 4]);
    expect(scored.result.columns.map(({ name }) => name)).toEqual([
      ...['n', 'id', 'at', 'note', 'prediction', 'model', 'model_version', 'predicted_at'],
    ]);
    expect(scored.result.rows).toBe(60);
    expect(scored.featureSetVersions).toEqual({ readings: 1 });
    expect(Object.keys(scored.result.sources).sort()).toEqual(['asked', 'raw']);
    const again = await score({ rows: { source: 'asked' } });
    expect(again.result.digest).toBe(scored.result.digest);
    expect(again.artifact).toEqual(scored.artifact);
  });

  it("are of the run's instant where they have no time, and bring features of their own", async () => {
    await given(
      'raw.csv',
      ['id', 'at', 'value'],
      [
        [1, '2024-12-31T00:00:00Z', 5],
        [1, '2025-01-02T00:00:00Z', 50],
      ],
    );
    await given('asked.csv', ['id', 'value'], [[1, 7]]);
    await score({ rows: { query: 'select id from asked -- end' }, file: 'joined.jsonl' });
    expect(await fileRows('joined.jsonl')).toMatchObject([
      { id: 1, prediction: 15, model: 'm', model_version: 3, predicted_at: '2025-01-01T00:00:00.000000Z' },
    ]);
    await score({ rows: { query: 'select id, value, 100 as doubled from asked' }, file: 'own.jsonl' });
    expect(await fileRows('own.jsonl')).toMatchObject([{ id: 1, value: 7, doubled: 100, prediction: 107 }]);
    await score({ rows: { query: 'select id, 1 as readings__value from asked' }, file: 'both.jsonl' });
    expect(await fileRows('both.jsonl')).toMatchObject([{ prediction: 11 }]);
  });

  it('may be a training set, whose features are not joined again', async () => {
    await given(
      'raw.csv',
      ['id', 'at', 'value'],
      [
        [1, '2024-12-31T00:00:00Z', 5],
        [2, '2024-12-31T00:00:00Z', 6],
      ],
    );
    await given(
      'asked.csv',
      ['id', 'at', 'sick'],
      [
        [1, '2025-01-01T00:00:00Z', 1],
        [2, '2025-01-01T00:00:00Z', 0],
      ],
    );
    const dataset = await store.features.trainingDataset({ features: 'all', spine: 'select * from asked' }, store.call);
    await given('raw.csv', ['id', 'at', 'value'], [[1, '2024-12-31T00:00:00Z', 500]]);
    const scored = await score({ rows: { dataset }, file: 'set.jsonl' });
    expect(await fileRows('set.jsonl')).toMatchObject([
      { id: 1, sick: 1, prediction: 15 },
      { id: 2, sick: 0, prediction: 18 },
    ]);
    expect(scored.result.sources).toEqual(dataset.sources);
    expect(scored.result.columns.map(({ name }) => name)).not.toContain('__split');
    await expect(score({ rows: { dataset }, features: ['readings.other'] })).rejects.toMatchObject({ code: 'FS205' });
  });

  it('may be the result of a query, and are written into a set with the version that answered', async () => {
    await given('raw.csv', ['id', 'at', 'value'], [[1, '2024-12-31T00:00:00Z', 5]]);
    await given('asked.csv', ['id'], [[1], [2]]);
    const result = await store.features.query({ query: 'select * from asked', pipeline: 'p', task: 'q' }, store.call);
    const scored = await score({ rows: { result } });
    const written = await store.features.materialize('scores', store.call, {
      results: { found: [scored.result], instant: BigInt(INSTANT) * 1000n, named: true },
    });
    expect(written).toMatchObject({ rowsWritten: 2, onlineWritten: 2 });
    const [row] = await store.features.reader.read([{ id: 1 }], ['scores.prediction', 'scores.model_version']);
    expect(row?.features).toEqual({ 'scores.prediction': 15, 'scores.model_version': 3 });
  });

  it('say what they cannot be: a column that is added, a place outside the project, a value that does not fit', async () => {
    await given('raw.csv', ['id', 'at', 'value'], [[1, '2024-12-31T00:00:00Z', 5]]);
    await given('asked.csv', ['id', 'word'], [[1, 'five']]);
    await expect(score({ rows: { query: 'select id, 1 as prediction from asked' } })).rejects.toMatchObject({
      code: 'FS205',
      detail: expect.stringContaining('prediction'),
    });
    await expect(score({ rows: { source: 'asked' }, file: '../out.csv' })).rejects.toMatchObject({ code: 'FS208' });
    await expect(score({ rows: { query: 'select id, word as value from asked' } })).rejects.toMatchObject({
      code: 'FS204',
      detail: expect.stringContaining('five'),
    });
    await expect(score({ rows: { query: 'select 1 as x' } })).rejects.toMatchObject({
      code: 'FS205',
      detail: expect.stringContaining('id'),
    });
  });

  it('may be none', async () => {
    await given('raw.csv', ['id', 'at', 'value'], [[1, '2024-12-31T00:00:00Z', 5]]);
    await given('asked.csv', ['id'], [[1]]);
    const scored = await score({ rows: { query: 'select id from asked where id > 1' }, file: 'none.csv' });
    expect(scored.result.rows).toBe(0);
    expect(await readFile(join(directory.path, 'none.csv'), 'utf8')).toMatch(/^id,.*prediction,model/);
  });
});
