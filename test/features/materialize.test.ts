/** What materialization promises, on small data that changes between runs. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
const COLUMNS = ['id', 'at', 'value', 'note'];
const base: Set = {
  name: 'readings',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  features: {
    value: { dtype: 'float64' },
    note: { dtype: 'string' },
    doubled: { dtype: 'float64', expr: 'value * 2' },
  },
};

describe('materialization', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let store: FeatureStore;
  let specs: Specs;
  let now: Date | null;
  let scopes = 0;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database?.drop());
  beforeEach(async () => {
    now = null;
    specs = {
      source: [{ name: 'raw', file: 'raw.csv' }],
      entity: [{ name: 'thing', keys: { id: 'int64' } }],
      feature_set: [base],
      feature_service: [{ name: 'all', features: ['readings.value', 'readings.doubled'] }],
    };
    directory = await temporaryDirectory();
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope: `scope-${scopes++}`,
      chunkRows: 3,
      clock: { now: () => now ?? systemClock.now() },
    });
  });
  afterEach(async () => {
    await store.close();
    await directory.remove();
  });

  const ingest = async (rows: readonly (readonly (string | number | null)[])[], columns = COLUMNS): Promise<void> => {
    await writeCsv(join(directory.path, 'raw.csv'), columns, rows);
    await store.features.ingest('raw', store.call);
  };
  const materialize = () => store.features.materialize('readings', store.call);
  const online = async (id: number, feature = 'value') =>
    (await store.features.reader.read([{ id }], [`readings.${feature}`]))[0]?.features[`readings.${feature}`];
  const asOf = async (id: number, at: string): Promise<number | undefined> => {
    const spine = `select ${id} as id, timestamp '${at}' as at from raw limit 1`;
    const made = await store.features.trainingDataset({ features: 'all', spine }, store.call);
    return (
      (await store.offline.readColumns(await store.artifacts.localPath(made.artifact), ['value'])).columns[
        'value'
      ] as Float64Array
    )[0];
  };

  const noteAsOf = async (id: number, at: string): Promise<unknown> => {
    specs = { ...specs, feature_service: [{ name: 'notes', features: ['readings.note'] }] };
    const spine = `select ${id} as id, timestamp '${at}' as at from raw limit 1`;
    const made = await store.features.trainingDataset({ features: 'notes', spine }, store.call);
    return (await store.offline.readColumns(await store.artifacts.localPath(made.artifact), ['note'])).columns[
      'note'
    ]?.[0];
  };

  it('tells how far it is: rows read, then written chunk by chunk, then written online, then its statistics', async () => {
    await ingest(Array.from({ length: 7 }, (_, id) => [id, '2024-03-01', id, 'a']));
    const told: string[] = [];
    await store.features.materialize('readings', {
      ...store.call,
      progress: ({ what, done, total, etaSeconds }) => {
        told.push(what);
        expect(etaSeconds === null || etaSeconds >= 0).toBe(true);
        expect(total === null || done <= total).toBe(true);
      },
    });
    expect(told).toEqual([
      'readings@1: reading rows',
      'readings@1: writing 0 of 7 rows',
      'readings@1: writing 3 of 7 rows',
      'readings@1: writing 6 of 7 rows',
      'readings@1: writing 7 of 7 rows',
      'readings@1: writing online rows',
      'readings@1: writing online 0 of 7 rows',
      'readings@1: writing online 7 of 7 rows',
      'readings@1: taking statistics of rows',
    ]);
  });

  it('has no more than a chunk of rows in hand, to be stored and to be served, however many there are', async () => {
    const batches: number[] = [];
    const other = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope: `scope-${scopes++}`,
      chunkRows: 1000,
      online: (real) => ({
        ...real,
        write: (table, records) => {
          batches.push(records.length);
          return real.write(table, records);
        },
      }),
    });
    try {
      const rows = Array.from({ length: 9_500 }, (_, id) => [id, '2024-03-01', id, 'a']);
      await writeCsv(join(directory.path, 'raw.csv'), COLUMNS, rows);
      await other.features.materialize('readings', other.call);
      const parts = await other.featureState.parts('readings', 1);
      expect(parts.map((part) => part.rows)).toEqual([...Array.from({ length: 9 }, () => 1000), 500]);
      expect(batches.reduce((sum, count) => sum + count, 0)).toBe(9_500);
      expect(Math.max(...batches)).toBeLessThanOrEqual(4096);
    } finally {
      await other.close();
    }
  });

  it('finds rows that came late, however far before the watermark', async () => {
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 20, 'b'],
    ]);
    expect(await materialize()).toMatchObject({ rowsWritten: 2, watermark: '2024-03-02T00:00:00.000000Z' });
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 20, 'b'],
      [1, '2020-01-01', 1, 'late'],
      [3, '2019-01-01', 3, 'late'],
    ]);
    expect(await materialize()).toMatchObject({
      rowsRead: 4,
      rowsWritten: 2,
      watermark: '2024-03-02T00:00:00.000000Z',
    });
    // Late for a key that has newer: kept for training, never served.
    expect([await online(1), await online(3)]).toEqual([10, 3]);
    expect([await asOf(1, '2023-01-01'), await asOf(1, '2024-03-01')]).toEqual([1, 10]);
  });

  it('takes a correction of a row, and its correction back', async () => {
    for (const value of [10, 11, 10]) {
      await ingest([
        [1, '2024-03-01', value, 'a'],
        [2, '2024-03-02', 20, 'b'],
      ]);
      expect(await materialize()).toMatchObject({
        rowsWritten: value === 10 && (await asOf(2, '2024-04-01')) === undefined ? 2 : expect.any(Number),
      });
      expect([await online(1), await asOf(1, '2024-04-01')]).toEqual([value, value]);
    }
    expect((await store.featureState.parts('readings', 1)).map((part) => part.rows)).toEqual([2, 1, 1]);
  });

  it('keeps the last of rows of one key and time, and leaves out rows without key or time', async () => {
    await ingest([
      [1, '2024-03-01', 1, 'x'],
      [1, '2024-03-01', 2, 'y'],
      [null, '2024-03-01', 3, ''],
      [2, null, 4, ''],
    ]);
    expect(await materialize()).toMatchObject({ rowsRead: 4, rowsWritten: 1 });
    expect(store.lines.join('\n')).toContain('2 rows without key or event time left out');
    expect(await online(1)).toBe(2);
  });

  it('serves a row of a time to come when its time has come, not before', async () => {
    const soon = new Date((await store.featureState.now()).getTime() + 3_000);
    await ingest([
      [1, '2024-03-01', 1, 'now'],
      [1, soon.toISOString(), 2, 'soon'],
    ]);
    await materialize();
    expect(await online(1)).toBe(1);
    const { setTimeout: delay } = await import('node:timers/promises');
    while ((await store.featureState.now()) <= soon) await delay(50);
    expect(await materialize()).toMatchObject({ rowsWritten: 0, onlineWritten: 1 });
    expect(await online(1)).toBe(2);
  });

  it('fills the online store again after it was lost', async () => {
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 20, 'b'],
    ]);
    await materialize();
    await store.online.drop({ set: 'readings', version: 1 });
    expect(await online(1)).toBeNull();
    expect(await materialize()).toMatchObject({ rowsWritten: 0, onlineWritten: 2 });
    expect(await online(1)).toBe(10);
  });

  it('reads the lookback again and writes it online', async () => {
    specs = { ...specs, feature_set: [{ ...base, materialize: { lookback: '36h' } }] };
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 20, 'b'],
      [3, '2024-03-03', 30, 'c'],
    ]);
    await materialize();
    expect(await materialize()).toMatchObject({ rowsWritten: 0, onlineWritten: 2 });
  });

  it('names the column and the value that does not fit, and stores nothing', async () => {
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 20, 'b'],
    ]);
    specs = { ...specs, feature_set: [{ ...base, features: { note: { dtype: 'int64' } } }] };
    await expect(materialize()).rejects.toMatchObject({
      code: 'FS204',
      data: { column: 'note', example: 'a', rows: 2 },
    });
    specs = { ...specs, feature_set: [{ ...base, features: { value: { dtype: 'int32' } } }] };
    await ingest([[1, '2024-03-01', 1.5, 'a']]);
    await expect(materialize()).rejects.toMatchObject({ code: 'FS204', data: { column: 'value', example: '1.5' } });
    specs = { ...specs, feature_set: [{ ...base, features: { volume: { dtype: 'int32' } } }] };
    await expect(materialize()).rejects.toMatchObject({ code: 'SP203', hint: 'known: id, at, value, note' });
  });

  it('serves the old version until the new one is complete', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await materialize();
    specs = {
      ...specs,
      feature_set: [
        {
          ...base,
          features: {
            ...base.features,
            note: { dtype: 'string', column: 'note' },
            tripled: { dtype: 'float64', expr: 'value * 3' },
          },
        },
      ],
    };
    const [set] = specs.feature_set as [Set];
    expect(await store.features.registerFeatureSet(set, { name: 'thing', keys: { id: 'int64' } })).toEqual({
      version: 2,
    });
    expect(await store.features.registerFeatureSet(set, { name: 'thing', keys: { id: 'int64' } })).toEqual({
      version: 2,
    });
    expect(await online(1)).toBe(10);
    await expect(online(1, 'tripled')).rejects.toMatchObject({ code: 'FS201' });
    expect(await materialize()).toMatchObject({ version: 2, rowsWritten: 1 });
    expect(await online(1, 'tripled')).toBe(30);
    const [row] = await store.features.reader.read([{ id: 1 }], ['readings@2.value', 'readings@2.tripled']);
    expect(row?.features).toEqual({ 'readings@2.value': 10, 'readings@2.tripled': 30 });
    expect(await store.features.describe('readings')).toMatchObject({
      servingVersion: 2,
      versions: [
        { version: 1, status: 'retired', rows: 0 },
        { version: 2, status: 'serving', rows: 1 },
      ],
    });
  });

  it('says that a set was never materialized', async () => {
    await expect(online(1)).rejects.toMatchObject({ code: 'FS206' });
    await expect(online(1, 'nothing')).rejects.toMatchObject({ code: 'FS206' });
    await expect(store.features.reader.read([{ id: 1 }], ['reading.value'])).rejects.toMatchObject({
      code: 'FS201',
      hint: 'did you mean "readings"?',
    });
  });

  it('forgets a dropped set, and never uses its number again', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await materialize();
    await store.features.dropFeatureSet('readings');
    await store.features.dropFeatureSet('readings');
    await expect(online(1)).rejects.toMatchObject({ code: 'FS206' });
    expect(await materialize()).toMatchObject({ version: 2, rowsWritten: 1, onlineWritten: 1 });
  });

  it('lets one worker at a time materialize a set, and the others find nothing to do', async () => {
    await ingest(Array.from({ length: 20 }, (_, index) => [index, '2024-03-01', index, '']));
    const reports = await Promise.all([materialize(), materialize(), materialize()]);
    expect(reports.map(({ rowsWritten }) => rowsWritten).sort((a, b) => a - b)).toEqual([0, 0, 20]);
    expect((await store.featureState.parts('readings', 1)).map((part) => part.rows)).toEqual([3, 3, 3, 3, 3, 3, 2]);
  });

  it('never undoes with older snapshots what another worker wrote from newer ones', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    let arrived = (): void => {};
    let release = (): void => {};
    const there = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope: `scope-${scopes - 1}`,
      featureState: (real) => ({
        ...real,
        materializing: async (...claimed) => {
          arrived();
          await released;
          return real.materializing(...claimed);
        },
      }),
    });
    const late = slow.features.materialize('readings', slow.call);
    await there;
    await ingest([[1, '2024-03-01', 11, 'a']]);
    await materialize();
    release();
    expect(await late).toMatchObject({ rowsWritten: 0 });
    expect([await online(1), await asOf(1, '2024-03-02')]).toEqual([11, 11]);
    await slow.close();
  });

  it('answers by the other rule, online too, after `asKnownAt` was changed, and by the old one until then', async () => {
    const rows = [
      [1, '2024-03-01', 10, '2024-03-01'],
      [1, '2024-03-02', 20, '2999-01-01'],
    ] as const;
    specs = { ...specs, feature_set: [{ ...base, createdTime: 'note', features: { value: { dtype: 'float64' } } }] };
    specs = { ...specs, feature_service: [{ name: 'all', features: ['readings.value'] }] };
    await ingest(rows);
    const [known] = specs.feature_set as [Set];
    const seen = [];
    for (const asKnownAt of [undefined, 'now', undefined] as const) {
      const set: Set = asKnownAt === undefined ? known : { ...known, asKnownAt };
      await store.features.registerFeatureSet(set, { name: 'thing', keys: { id: 'int64' } });
      specs = { ...specs, feature_set: [set] };
      if (seen.length > 0) seen.push([await online(1), await asOf(1, '2024-03-05')]);
      await materialize();
      seen.push([await online(1), await asOf(1, '2024-03-05')]);
    }
    expect(seen).toEqual([
      [10, 10],
      [10, 10],
      [20, 20],
      [20, 20],
      [10, 10],
    ]);
  });

  it('works on the version before while it does not know yet what is being applied', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await materialize();
    const later: Set = {
      ...base,
      features: { value: { dtype: 'float64' }, tripled: { dtype: 'float64', expr: 'value * 3' } },
    };
    expect(await store.features.registerFeatureSet(later, { name: 'thing', keys: { id: 'int64' } })).toEqual({
      version: 2,
    });
    expect(await materialize()).toMatchObject({ version: 1 });
    specs = { ...specs, feature_set: [later] };
    expect(await materialize()).toMatchObject({ version: 2 });
    expect((await store.features.describe('readings')).versions).toHaveLength(2);
  });

  it('refuses what a former worker writes', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await materialize();
    const part = {
      location: 'sets/readings/v1/x.parquet',
      rows: 1,
      bytes: 1,
      sequence: 99,
      minEventTime: 0n,
      maxEventTime: 0n,
      maxVisibleTime: 0n,
    };
    const { signal } = store.call;
    const former = await store.featureState.materializing('readings', 1, signal, async (claim) => claim);
    await store.featureState.materializing('readings', 1, signal, async () => {});
    await expect(former.commitPart(part)).rejects.toMatchObject({ code: 'FS207' });
    await expect(former.complete({})).rejects.toMatchObject({ code: 'FS207' });
    expect(await store.featureState.parts('readings', 1)).toHaveLength(1);
  });

  it('stops when it is told to', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await expect(
      store.features.materialize('readings', { ...store.call, signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });

  it('removes files that a killed run left', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await materialize();
    const folder = join(directory.path, '.mlops/offline/test/sets/readings/v1');
    await writeFile(join(folder, 'left.parquet'), 'half a file');
    await materialize();
    const { readdir } = await import('node:fs/promises');
    expect(await readdir(folder)).toHaveLength(1);
  });

  it('computes sets and sources from queries over other sources, taking snapshots as they are needed', async () => {
    specs = {
      ...specs,
      source: [
        { name: 'raw', file: 'raw.csv' },
        { name: 'good', query: "select *, value + 1 as more from raw where note <> 'bad' -- the rest" },
      ],
      feature_set: [
        {
          name: 'readings',
          entity: 'thing',
          eventTime: 'at',
          query: 'select id, "at", sum(more) over (partition by id order by "at") as value from good;',
          features: { value: { dtype: 'float64' } },
        },
      ],
      feature_service: [{ name: 'all', features: ['readings.value'] }],
    };
    await writeCsv(join(directory.path, 'raw.csv'), COLUMNS, [
      [1, '2024-03-01', 10, 'a'],
      [1, '2024-03-02', 20, 'bad'],
      [1, '2024-03-03', 30, 'c'],
    ]);
    expect(await materialize()).toMatchObject({ rowsWritten: 2 });
    expect(await online(1)).toBe(42);
    expect((await store.featureState.latestSnapshots()).map(({ source, rows }) => [source, rows])).toEqual([
      ['good', 2],
      ['raw', 3],
    ]);
    expect(await store.features.ingest('good', store.call)).toMatchObject({ changed: false });
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [1, '2024-03-03', 30, 'c'],
      [2, '2024-03-03', 1, 'd'],
    ]);
    expect(await store.features.ingest('good', store.call)).toMatchObject({ changed: true, rows: 3 });
  });

  it('says what the engine refuses in a query', async () => {
    specs = {
      ...specs,
      feature_set: [
        {
          name: 'readings',
          entity: 'thing',
          eventTime: 'at',
          query: 'select id, "at", nonsense(value) as value from raw',
          features: { value: { dtype: 'float64' } },
        },
      ],
    };
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await expect(materialize()).rejects.toMatchObject({ code: 'SP204', address: 'feature_set.readings' });
    for (const query of ['selec 1', 'select 1; select 2', 'drop table raw']) {
      specs = {
        ...specs,
        feature_set: [
          { name: 'readings', entity: 'thing', eventTime: 'at', query, features: { value: { dtype: 'float64' } } },
        ],
      };
      await expect(materialize()).rejects.toMatchObject({ code: 'SP201', address: 'feature_set.readings' });
    }
  });

  it('says what is wrong with a source', async () => {
    await expect(materialize()).rejects.toMatchObject({ code: 'FS204', address: 'source.raw' });
    specs = { ...specs, source: [{ name: 'raw', file: 'raw.parquet' }] };
    await writeFile(join(directory.path, 'raw.parquet'), 'no parquet');
    await expect(materialize()).rejects.toMatchObject({ code: 'FS204', address: 'source.raw' });
    specs = { ...specs, source: [{ name: 'raw', query: 'select * from raw' }] };
    await expect(materialize()).rejects.toMatchObject({ code: 'SP107' });
    await rm(join(directory.path, 'raw.parquet'));
  });

  it('reports expectations that are not met, computed features included', async () => {
    specs = {
      ...specs,
      feature_set: [
        {
          ...base,
          features: {
            value: { dtype: 'float64', expect: { min: 0, max: 25, maxNull: 0.1 } },
            note: { dtype: 'string', expect: { in: ['a', "b'c"] } },
            doubled: { dtype: 'float64', expr: 'value * 2', expect: { max: 50 } },
          },
        },
      ],
    };
    await ingest([
      [1, '2024-03-01', -1, 'a'],
      [2, '2024-03-02', 30, "b'c"],
      [3, '2024-03-02', null, 'z'],
      [3, '2024-03-02', 5, null],
    ]);
    const report = await store.features.validate({ featureSets: ['readings'] }, store.call);
    expect(report.checked).toBe(5);
    expect(report.failures).toEqual([
      { featureSet: 'readings', feature: 'value', expectation: 'min 0', observed: -1, rows: 1 },
      { featureSet: 'readings', feature: 'value', expectation: 'max 25', observed: 30, rows: 1 },
      { featureSet: 'readings', feature: 'value', expectation: 'maxNull 0.1', observed: 0.25, rows: 1 },
      { featureSet: 'readings', feature: 'note', expectation: `in ["a","b'c"]`, observed: 'z', rows: 1 },
      { featureSet: 'readings', feature: 'doubled', expectation: 'max 50', observed: 60, rows: 1 },
    ]);
  });

  describe('pushed rows', () => {
    beforeEach(async () => {
      await ingest([
        [1, '2024-03-01', 10, 'a'],
        [2, '2024-03-02', 20, 'b'],
      ]);
      await materialize();
    });
    const push = (id: number, features: Record<string, unknown>, eventTime?: string) =>
      store.features.push('readings', [{ entity: { id }, features, eventTime }]);

    it('are served at once and trained on after the next materialization', async () => {
      expect(await push(1, { value: 11 }, '2024-03-05T00:00:00Z')).toMatchObject({ applied: 1 });
      expect([await online(1), await online(1, 'note'), await online(1, 'doubled')]).toEqual([11, 'a', 22]);
      expect(await materialize()).toMatchObject({ rowsWritten: 1 });
      expect([await asOf(1, '2024-03-04'), await asOf(1, '2024-03-06')]).toEqual([10, 11]);
      expect(await materialize()).toMatchObject({ rowsWritten: 0 });
    });

    it('never win over what is newer', async () => {
      expect(await push(1, { value: 9 }, '2024-02-01T00:00:00Z')).toMatchObject({ applied: 0 });
      expect(await online(1)).toBe(10);
      await materialize();
      expect([await online(1), await asOf(1, '2024-02-15')]).toEqual([10, 9]);
    });

    it('hold nothing that came after them: what a late one leaves out is null', async () => {
      await push(1, { value: 9 }, '2024-02-01T00:00:00Z');
      await push(1, { value: 12 }, '2024-03-03T00:00:00Z');
      await materialize();
      expect([await noteAsOf(1, '2024-02-15'), await noteAsOf(1, '2024-03-04')]).toEqual([null, 'a']);
    });

    it('do not bring back a value that has expired', async () => {
      specs = { ...specs, feature_set: [{ ...base, ttl: '30d' }] };
      await push(1, { value: 11 }, '2024-03-31T00:00:00Z');
      await push(2, { value: 21 }, '2024-05-01T00:00:00Z');
      now = new Date('2024-05-01T00:00:00Z');
      expect(await online(2, 'note')).toBeNull();
      now = new Date('2024-04-01T00:00:00Z');
      expect(await online(1, 'note')).toBe('a');
    });

    it('of a time to come are refused: what holds until then stays', async () => {
      now = new Date('2024-04-01T00:00:00Z');
      await expect(push(1, { value: 11 }, '2024-04-01T00:01:00Z')).rejects.toMatchObject({ code: 'FS202' });
      expect(await online(1)).toBe(10);
      expect(await push(1, { value: 12 }, '2024-04-01T00:00:02Z')).toMatchObject({ applied: 1 });
      expect(await online(1)).toBe(12);
    });

    it('of different features of one entity at once lose none', async () => {
      await Promise.all([push(1, { value: 11 }), push(1, { note: 'z' })]);
      expect([await online(1), await online(1, 'note')]).toEqual([11, 'z']);
    });

    it('come back when the online store was lost', async () => {
      await push(1, { value: 11 }, '2024-03-05T00:00:00Z');
      await push(3, { value: 33, note: 'n' }, '2024-03-05T00:00:00Z');
      await store.online.drop({ set: 'readings', version: 1 });
      await materialize();
      expect([await online(1), await online(2), await online(3)]).toEqual([11, 20, 33]);
    });

    it('are lost with their files, said so, while the others are computed again', async () => {
      await push(1, { value: 11 }, '2024-03-05T00:00:00Z');
      await materialize();
      const parts = await store.featureState.parts('readings', 1);
      expect(parts).toHaveLength(2);
      for (const { location } of parts) await rm(join(directory.path, '.mlops/offline/test', location));
      await store.features.materialize('readings', store.call, { repair: true });
      expect(store.lines.join('\n')).toContain(
        '2 of 2 parts, with 3 rows, are gone or damaged; they are computed again, but for those that came by push: push these again',
      );
      expect([await asOf(2, '2024-03-06'), await asOf(1, '2024-03-06')]).toEqual([20, 10]);
      await push(1, { value: 11 }, '2024-03-05T00:00:00Z');
      await materialize();
      expect(await asOf(1, '2024-03-06')).toBe(11);
    });

    it('are refused whole where one does not fit', async () => {
      const wrong = [
        { update: { entity: { id: 'x' }, features: { value: 1 } }, code: 'FS202' },
        { update: { entity: {}, features: { value: 1 } }, code: 'FS202' },
        { update: { entity: { id: 1 }, features: { valu: 1 } }, code: 'FS201' },
        { update: { entity: { id: 1 }, features: { doubled: 1 } }, code: 'FS201' },
        { update: { entity: { id: 1 }, features: { value: 'much' } }, code: 'API422' },
        { update: { entity: { id: 1 }, features: { value: Number.POSITIVE_INFINITY } }, code: 'API422' },
        { update: { entity: { id: 1 }, features: { value: 1 }, eventTime: 'yesterday' }, code: 'FS202' },
      ];
      for (const { update, code } of wrong) {
        await expect(
          store.features.push('readings', [{ entity: { id: 1 }, features: { value: 99 } }, update]),
        ).rejects.toMatchObject({ code });
      }
      expect(await online(1)).toBe(10);
    });
  });
});
