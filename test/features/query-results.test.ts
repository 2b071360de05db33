/** Results of queries written into feature sets: which are, at what time, and that another attempt changes nothing. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const AT = 1_700_000_000_000_000n;

describe.each(offlineBackends)('the result of a query, on $name', (backend) => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let store: FeatureStore;
  let offline: OpenOffline;
  let specs: Specs;
  let scopes = 0;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database?.drop());
  beforeEach(async () => {
    specs = {
      source: [{ name: 'raw', file: 'raw.csv' }],
      entity: [{ name: 'thing', keys: { id: 'int64' } }],
      feature_set: [
        { name: 'pushed', entity: 'thing', push: true, eventTime: 'at', features: { total: { dtype: 'float64' } } },
        { name: 'sourced', entity: 'thing', source: 'raw', eventTime: 'at', features: { value: { dtype: 'float64' } } },
      ],
    };
    directory = await temporaryDirectory();
    offline = await backend.open(directory.path);
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope: `results-${scopes++}`,
      chunkRows: 2,
      offline: offline.store,
    });
    await writeCsv(
      join(directory.path, 'raw.csv'),
      ['id', 'at', 'value'],
      [
        [1, '2023-01-01', 1],
        [1, '2023-01-02', 2],
        [2, '2023-01-02', 5],
        [3, '2023-01-03', 7],
      ],
    );
  });
  afterEach(async () => {
    await store.close();
    await offline.close();
    await directory.remove();
  });
  const query = (sql: string, task = 'q') => store.features.query({ query: sql, pipeline: 'p', task }, store.call);
  const write = async (set: string, ...queries: readonly string[]) =>
    store.features.materialize(set, store.call, {
      results: { found: await Promise.all(queries.map((sql, at) => query(sql, `q${at}`))), instant: AT },
    });
  const served = async (set: string, feature: string, id: number) => {
    const name = `${set}.${feature}`;
    const [row] = await store.features.reader.read([{ id }], [name]);
    return [row?.features[name], row?.eventTime[name]];
  };

  it('is the same for the same snapshots, and is written in chunks and once, however often', async () => {
    const sql = 'select id, sum(value) as total from raw group by id';
    expect((await query(sql)).digest).toBe((await query(sql)).digest);
    expect(await write('pushed', sql)).toMatchObject({ rowsRead: 3, rowsWritten: 3, onlineWritten: 3 });
    expect(await write('pushed', sql)).toMatchObject({ rowsRead: 3, rowsWritten: 0, onlineWritten: 0 });
    expect((await store.featureState.parts('pushed', 1)).map(({ rows }) => rows)).toEqual([2, 1]);
    expect(await served('pushed', 'total', 1)).toEqual([3, '2023-11-14T22:13:20.000000Z']);
  });

  it('keeps its own event time where it has one, and older rows never win', async () => {
    const rows = 'select id, "at", value as total from raw';
    expect(await write('pushed', rows)).toMatchObject({ rowsWritten: 4 });
    expect(await served('pushed', 'total', 1)).toEqual([2, '2023-01-02T00:00:00.000000Z']);
  });

  it('is that of the nearest query that carries the set; of a set with rows of its own it is beside them', async () => {
    const carries = `select id, timestamp '2023-06-01' as "at", 100 as value, 9 as total from raw`;
    expect(await write('sourced', 'select 1 as other', carries)).toMatchObject({ rowsWritten: 4 + 3 });
    expect(await served('sourced', 'value', 1)).toEqual([100, '2023-06-01T00:00:00.000000Z']);
    expect(await write('sourced', 'select 1 as other')).toMatchObject({ rowsWritten: 0 });
    await expect(write('pushed', 'select id, 1 as totl from raw')).rejects.toMatchObject({
      code: 'SP203',
      detail: expect.stringContaining('pipeline.p task q0 has no column total'),
    });
  });

  it('names the value that does not fit, and writes nothing', async () => {
    await expect(write('pushed', `select id, 'much' as total from raw`)).rejects.toMatchObject({
      code: 'FS204',
      data: { column: 'total', example: 'much' },
    });
    expect(await store.featureState.parts('pushed', 1)).toEqual([]);
    // A translated query is refused as that.
    const code = backend.name === 'duckdb' ? 'SP204' : 'SP206';
    await expect(query('select nothing from raw')).rejects.toMatchObject({ code, address: 'pipeline.p' });
  });
});
