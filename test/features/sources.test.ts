/** Materialization from sources that grow: it reads what is new, finds what came late, and notices what was edited. */
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FeatureStore, openFeatureStore, type Specs } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let database: FreshDatabase;
let directory: TemporaryDirectory;
let opened: OpenOffline | undefined;
let store: FeatureStore;
let specs: Specs;
let scopes = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());
const open = async (backend?: (typeof offlineBackends)[number]): Promise<void> => {
  directory = await temporaryDirectory();
  specs = {
    source: [{ name: 'readings_raw', file: 'data/day=*/*.csv' }],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [
      {
        name: 'readings',
        entity: 'thing',
        source: 'readings_raw',
        eventTime: 'day',
        features: { value: { dtype: 'float64' } },
      },
      {
        name: 'counts',
        entity: 'thing',
        query: 'select id, max(day) as day, count(*) as readings from readings_raw group by id',
        eventTime: 'day',
        features: { readings: { dtype: 'int64' } },
      },
    ],
  };
  opened = await backend?.open(directory.path);
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope: `sources-${scopes++}`,
    chunkRows: 100,
    ...(opened && { offline: opened.store }),
  });
};
const close = async (): Promise<void> => {
  await store.close();
  await opened?.close();
  opened = undefined;
  await directory.remove();
};

const file = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(join(directory.path, path)), { recursive: true });
  await writeFile(join(directory.path, path), content);
};
const materialize = async (set = 'readings') => {
  const { changed } = await store.features.ingest('readings_raw', store.call);
  return { changed, ...(await store.features.materialize(set, store.call)) };
};
const online = async (id: number, feature = 'readings.value'): Promise<unknown> =>
  (await store.features.reader.read([{ id }], [feature]))[0]?.features[feature];

describe.each(offlineBackends)('of many files, on $name, a materialization', (backend) => {
  beforeEach(() => open(backend));
  afterEach(close);

  it('reads of 1,000 files only those that came, late ones too', async () => {
    for (let number = 0; number < 1_000; number += 1) {
      const day = new Date(Date.UTC(2024, 0, 1 + (number % 10))).toISOString().slice(0, 10);
      await file(`data/day=${day}/${number}.csv`, `id,value\n${number},${number / 2}\n`);
    }
    expect(await materialize()).toMatchObject({ changed: true, rowsRead: 1_000, rowsWritten: 1_000 });
    expect(await materialize()).toMatchObject({ changed: false, rowsRead: 0, rowsWritten: 0 });
    await file('data/day=2024-02-01/new.csv', 'id,value\n1,100\n2000,7\n');
    await file('data/day=2020-01-01/late.csv', 'id,value\n1,-1\n3000,8\n');
    store.lines.length = 0;
    expect(await materialize()).toMatchObject({
      rowsRead: 4,
      rowsWritten: 4,
      watermark: '2024-02-01T00:00:00.000000Z',
    });
    expect(store.lines[0]).toMatch(/: 1004 rows, snapshot [0-9a-f]{12}; 4 rows read of 1002 files: 2 new$/);
    expect([await online(1), await online(2000), await online(3000), await online(2)]).toEqual([100, 7, 8, 1]);
    // What a query reads is all there.
    expect(await materialize('counts')).toMatchObject({ rowsWritten: 1_002 });
    expect(await online(1, 'counts.readings')).toBe(3);
  }, 60_000);

  it('takes an edit as a correction, tells of files that are gone, and a new version starts without them', async () => {
    await file('data/day=2024-01-01/a.csv', 'id,value\n1,1\n2,2\n');
    await file('data/day=2024-01-02/b.csv', 'id,value\n3,3\n');
    await materialize();
    await file('data/day=2024-01-01/a.csv', 'id,value\n1,10\n2,2\n');
    await utimes(join(directory.path, 'data/day=2024-01-01/a.csv'), 5, 5);
    await rm(join(directory.path, 'data/day=2024-01-02/b.csv'));
    await file('data/day=2024-01-02/c.csv', 'id,value\n4,4\n');
    store.lines.length = 0;
    expect(await materialize()).toMatchObject({ rowsWritten: 2 });
    expect(store.lines[0]).toContain(
      'of 2 files: 1 new, 1 changed (data/day=2024-01-01/a.csv), 1 gone (data/day=2024-01-02/b.csv)',
    );
    // A row that was computed once stays known.
    expect([await online(1), await online(3), await online(4)]).toEqual([10, 3, 4]);
    expect(await materialize('counts')).toMatchObject({ rowsRead: 3 });
  });

  it('reads no file again that has the same size and time, and hashes none', async () => {
    const path = 'data/day=2024-01-01/a.csv';
    await file(path, 'id,value\n1,1\n');
    await utimes(join(directory.path, path), 5, 5);
    await materialize();
    // What only whoever reads it can see.
    await file(path, 'id,value\n1,9\n');
    await utimes(join(directory.path, path), 5, 5);
    await file('data/day=2024-01-02/b.csv', 'id,value\n2,2\n');
    expect(await materialize()).toMatchObject({ rowsRead: 1, rowsWritten: 1 });
    expect([await online(1), await online(2)]).toEqual([1, 2]);
    // Its time says that it was edited.
    await utimes(join(directory.path, path), 6, 6);
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
    expect(await online(1)).toBe(9);
    // And where the content is the same, nothing is new.
    await utimes(join(directory.path, path), 7, 7);
    expect(await materialize()).toMatchObject({ changed: false, rowsRead: 0 });
  });

  it('takes columns that come, and reads all again where one has another type', async () => {
    await file('data/day=2024-01-01/a.csv', 'id,value\n1,1\n');
    await materialize();
    await file('data/day=2024-01-02/b.csv', 'id,value,note\n2,2,x\n');
    expect(await materialize()).toMatchObject({ rowsRead: 1, rowsWritten: 1 });
    await file('data/day=2024-01-03/c.csv', 'id,value\n3,2.5\n');
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
    expect([await online(1), await online(2), await online(3)]).toEqual([1, 2, 2.5]);
    expect(await materialize('counts')).toMatchObject({ rowsWritten: 3 });
  });
});

describe('a materialization', () => {
  beforeEach(() => open());
  afterEach(close);

  it('starts afresh where its last copy was damaged', async () => {
    await file('data/day=2024-01-01/a.csv', 'id,value\n1,1\n');
    await materialize();
    const parts = join(directory.path, '.mlops/offline/test/sources/readings_raw/parts');
    for (const name of await readdir(parts)) await rm(join(parts, name));
    await file('data/day=2024-01-02/b.csv', 'id,value\n2,2\n');
    expect(await materialize()).toMatchObject({ changed: true, rowsWritten: 1 });
    expect([await online(1), await online(2)]).toEqual([1, 2]);
  });

  it('materializes every row where what was stored is gone, though the source has nothing new', async () => {
    await file('data/day=2024-01-01/a.csv', 'id,value\n1,1\n');
    await materialize();
    await file('data/day=2024-01-02/b.csv', 'id,value\n2,2\n');
    await materialize();
    await rm(join(directory.path, '.mlops/offline/test/sets/readings'), { recursive: true });
    expect(await store.features.materialize('readings', store.call, { repair: true })).toMatchObject({
      rowsWritten: 2,
    });
  });

  it('reads of a table that grows only the rows from the lookback on', async () => {
    specs = {
      ...specs,
      source: [{ name: 'readings_raw', file: 'log.csv', incremental: { column: 'day', lookback: '2d' } }],
    };
    const rows = Array.from(
      { length: 50 },
      (_, at) => `${at},${new Date(Date.UTC(2024, 0, 1 + at)).toISOString().slice(0, 10)},${at}`,
    );
    await file('log.csv', `id,day,value\n${rows.join('\n')}\n`);
    expect(await materialize()).toMatchObject({ rowsRead: 50, rowsWritten: 50 });
    await file('log.csv', `id,day,value\n${rows.join('\n')}\n7,2024-02-18,77\n100,2024-03-01,1\n`);
    store.lines.length = 0;
    // 17, 18 and 19 February again, and the two that are new.
    expect(await materialize()).toMatchObject({ rowsRead: 5, rowsWritten: 2 });
    expect(store.lines[0]).toContain('; 5 rows read');
    expect([await online(7), await online(100)]).toEqual([77, 1]);
  });
});
