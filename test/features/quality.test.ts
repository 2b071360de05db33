/** Statistics, expectations, quarantine, quality and use of features, on small data that changes between runs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
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
type Row = readonly [number | null, string | null, number | null, string | null];

let database: FreshDatabase;
let directory: TemporaryDirectory;
let store: FeatureStore;
let specs: Specs;
let now: Date | null;
let scopes = 0;
const clock: Clock = { now: () => now ?? systemClock.now() };
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());
beforeEach(async () => {
  now = null;
  specs = {
    source: [{ name: 'raw', file: 'raw.csv', types: { note: 'string' } }],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [base],
    feature_service: [{ name: 'all', features: ['readings.value', 'readings.doubled'] }],
  };
  directory = await temporaryDirectory();
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope: `quality-${scopes++}`,
    chunkRows: 3,
    clock,
  });
});
afterEach(async () => {
  await store.close();
  await directory.remove();
});

const expecting = (expect: Set['expect'], value: Set['features'][string]['expect'], more: Partial<Set> = {}): void => {
  const set: Set = {
    ...base,
    ...more,
    ...(expect && { expect }),
    features: { ...base.features, value: { dtype: 'float64', ...(value && { expect: value }) } },
  };
  specs = { ...specs, feature_set: [set] };
};
const ingest = async (rows: readonly Row[]): Promise<void> => {
  await writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value', 'note'], rows);
  await store.features.ingest('raw', store.call);
};
const materialize = () => store.features.materialize('readings', store.call);
const online = async (id: number) =>
  (await store.features.reader.read([{ id }], ['readings.value']))[0]?.features['readings.value'];
const statistics = (kind: 'batch' | 'version') =>
  store.quality.statistics({ set: 'readings', version: 1, kind, limit: 10 });
const held = () => store.quality.held({ set: 'readings', limit: 100 });
const trained = async (): Promise<readonly (number | null)[]> => {
  const spine = "select id, timestamp '2030-01-01' as at from raw order by id";
  const made = await store.features.trainingDataset({ features: 'all', spine }, store.call);
  const { columns } = await store.offline.readColumns(await store.artifacts.localPath(made.artifact), ['value']);
  return [...(columns['value'] as Float64Array)].map((value) => (Number.isNaN(value) ? null : value));
};

describe('statistics of materializations', () => {
  const first: readonly Row[] = [
    [1, '2024-03-01', 10, 'a'],
    [2, '2024-03-02', 20, 'b'],
    [3, '2024-03-03', null, 'a'],
    [4, '2024-03-04', 40, null],
  ];

  it('are of what each brought, and of all that is stored, computed features included', async () => {
    await ingest(first);
    await materialize();
    await ingest([...first, [5, '2024-03-05', 100, 'c'], [1, '2024-03-01', 11, 'a']]);
    await materialize();
    const [second, one] = await statistics('batch');
    expect(one).toMatchObject({ rows: 4, fromSequence: -1, entities: 4 });
    expect(one?.columns['value']).toMatchObject({ count: 4, nulls: 1, min: 10, max: 40, mean: 70 / 3, distinct: 3 });
    expect(one?.columns['doubled']).toMatchObject({ count: 4, nulls: 1, min: 20, max: 80 });
    expect(one?.columns['note']?.top).toEqual([
      { value: 'a', count: 2 },
      { value: 'b', count: 1 },
    ]);
    // The row that came, and the correction of one that was there.
    expect(second).toMatchObject({ rows: 2, fromSequence: one?.throughSequence });
    expect(second?.columns['value']).toMatchObject({ count: 2, nulls: 0, min: 11, max: 100 });
    // The same bins: two batches compare.
    expect(second?.columns['value']?.histogram?.edges).toEqual(one?.columns['value']?.histogram?.edges);
    const [all, before] = await statistics('version');
    expect([before?.rows, all?.rows, all?.superseded]).toEqual([4, 5, 1]);
    expect(all?.columns['value']).toMatchObject({ count: 5, nulls: 1, min: 11, max: 100 });
  });

  it('are not taken again where nothing came', async () => {
    await ingest(first);
    await materialize();
    await materialize();
    await writeFile(join(directory.path, 'raw.csv'), `id,at,value,note\n1,2024-03-01,10,"a"\n`);
    await store.features.ingest('raw', store.call);
    await materialize();
    expect([(await statistics('batch')).length, (await statistics('version')).length]).toEqual([1, 1]);
  });

  it('count each row once, however often its statistics are recorded, and by two at once', async () => {
    await ingest(first);
    await materialize();
    const [batch] = await statistics('batch');
    if (batch === undefined) throw new Error('there are none');
    const { computedAt: _, ...again } = batch;
    const next = { ...again, fromSequence: batch.throughSequence, throughSequence: batch.throughSequence + 5 };
    const overlapping = { ...next, fromSequence: batch.throughSequence - 1 };
    expect(
      await Promise.all([again, next, next, overlapping].map((record) => store.quality.addStatistics(record))),
    ).toHaveLength(4);
    const all = await statistics('batch');
    expect(all.map(({ fromSequence, throughSequence }) => [fromSequence, throughSequence])).toEqual([
      [next.fromSequence, next.throughSequence],
      [-1, batch.throughSequence],
    ]);
  });

  it('hold pushed rows once they are stored', async () => {
    specs = {
      ...specs,
      feature_set: [{ name: 'readings', entity: 'thing', push: true, eventTime: 'at', features: base.features }],
    };
    await store.features.registerFeatureSet(
      specs.feature_set?.[0] as Set,
      specs.entity?.[0] as CanonicalSpecs['entity'],
    );
    await store.features.push('readings', [{ entity: { id: 1 }, features: { value: 5 } }]);
    await materialize();
    await store.features.push('readings', [{ entity: { id: 2 }, features: { value: 7, note: 'x' } }]);
    await materialize();
    const [second, one] = await statistics('batch');
    expect([one?.rows, second?.rows, second?.columns['value']?.min]).toEqual([1, 1, 7]);
  });
});

describe('expectations when a set is materialized', () => {
  const rows: readonly Row[] = [
    [1, '2024-03-01', 10, 'a'],
    [2, '2024-03-02', 70, 'b'],
    [3, '2024-03-03', null, 'c'],
  ];

  it('warn: the rows count, and what was found is recorded', async () => {
    expecting(undefined, { max: 60, maxNull: 0.1 });
    await ingest(rows);
    expect(await materialize()).toMatchObject({ rowsWritten: 3, quarantined: 0 });
    const [check] = await store.quality.checks({ set: 'readings', limit: 1 });
    expect(check).toMatchObject({
      outcome: 'warned',
      rowsRead: 3,
      rowsNew: 3,
      failures: [
        { feature: 'value', expectation: 'max 60', onFailure: 'warn', observed: 70, rows: 1 },
        { feature: 'value', expectation: 'maxNull 0.1', onFailure: 'warn', observed: 1 / 3, rows: 1 },
      ],
    });
    expect(await trained()).toEqual([10, 70, null]);
  });

  it('quarantine: the rows are kept aside with the reason, and reach neither training nor the online store', async () => {
    expecting({ onFailure: 'quarantine' }, { max: 60 });
    const set = specs.feature_set?.[0] as Set;
    specs = {
      ...specs,
      feature_set: [
        {
          ...set,
          features: {
            ...set.features,
            doubled: { dtype: 'float64', expr: 'value * 2', expect: { max: 120 } },
          },
        },
      ],
    };
    await ingest(rows);
    expect(await materialize()).toMatchObject({ rowsWritten: 2, quarantined: 1, onlineWritten: 2 });
    expect(await held()).toMatchObject([
      {
        origin: 'materialization',
        key: { id: 2 },
        eventTime: BigInt(Date.UTC(2024, 2, 2)) * 1000n,
        values: { value: 70, note: 'b' },
        reasons: ['value max 60: 70', 'doubled max 120: 140'],
      },
    ]);
    expect(await online(2)).toBeNull();
    expect(await trained()).toEqual([10, null, null]);
    // The same rows again, and one more: the one that is held is not held twice.
    await ingest([...rows, [4, '2024-03-04', 99, 'd'], [5, '2024-03-05', 5, 'e']]);
    expect(await materialize()).toMatchObject({ rowsWritten: 1, quarantined: 2 });
    expect((await held()).map(({ key }) => key['id'])).toEqual([2, 4]);
    // Corrected at the source: it counts, and leaves the quarantine.
    await ingest([
      rows[0] as Row,
      [2, '2024-03-02', 7, 'b'],
      rows[2] as Row,
      [4, '2024-03-04', 99, 'd'],
      [5, '2024-03-05', 5, 'e'],
    ]);
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
    expect((await held()).map(({ key }) => key['id'])).toEqual([4]);
    expect(await online(2)).toBe(7);
  });

  it('fail: nothing is written, neither rows nor watermarks, and it says what is wrong', async () => {
    expecting(undefined, { max: 60, onFailure: 'fail' });
    await ingest(rows);
    await expect(materialize()).rejects.toMatchObject({
      code: 'FS203',
      detail: 'value is not max 60: 70 in 1 rows. Nothing was written.',
    });
    expect(await store.featureState.parts('readings', 1)).toEqual([]);
    expect((await store.featureState.versions('readings'))[0]).toMatchObject({ status: 'registered', inputs: null });
    expect((await store.quality.checks({ set: 'readings', limit: 1 }))[0]).toMatchObject({ outcome: 'failed' });
    await ingest([rows[0] as Row]);
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
  });

  it.each([
    ['unique', { unique: true }, 'unique'],
    ['minRows', { minRows: 10 }, 'minRows 10'],
    ['freshness', { freshness: '1d' }, 'freshness 1d'],
  ] as const)('of the rows together: %s', async (_, expected, told) => {
    expecting({ ...expected, onFailure: 'fail' }, undefined);
    await ingest([...rows, [3, '2024-03-03', 8, 'again']]);
    await expect(materialize()).rejects.toMatchObject({ code: 'FS203', detail: expect.stringContaining(told) });
    expecting({ ...expected }, undefined);
    expect(await materialize()).toMatchObject({ rowsWritten: 3 });
    const [check] = await store.quality.checks({ set: 'readings', limit: 1 });
    expect(check).toMatchObject({ outcome: 'warned', duplicates: 1, failures: [{ feature: null, expectation: told }] });
  });

  it('keep the rows that lost to a later one of the same keys and times aside, where those are to be unique', async () => {
    expecting({ unique: true, onFailure: 'quarantine' }, undefined);
    await ingest([...rows, [3, '2024-03-03', 8, 'again']]);
    expect(await materialize()).toMatchObject({ rowsWritten: 3, quarantined: 1 });
    expect(await held()).toMatchObject([
      {
        key: { id: 3 },
        values: { value: null, note: 'c' },
        reasons: ['unique: a later row has the same keys and times'],
      },
    ]);
    expect(await trained()).toEqual([10, 70, 8, 8]);
  });

  it('texts: pattern and lengths, in characters', async () => {
    const note = { dtype: 'string' as const, expect: { pattern: '^[a-z]+$', minLength: 2, maxLength: 3 } };
    specs = {
      ...specs,
      feature_set: [{ ...base, expect: { onFailure: 'quarantine' }, features: { ...base.features, note } }],
    };
    await ingest([
      [1, '2024-03-01', 1, 'ab'],
      [2, '2024-03-01', 1, 'a'],
      [3, '2024-03-01', 1, 'abcd'],
      [4, '2024-03-01', 1, 'a1'],
      [5, '2024-03-01', 1, null],
    ]);
    expect(await materialize()).toMatchObject({ rowsWritten: 2, quarantined: 3 });
    expect((await held()).map(({ reasons }) => reasons)).toEqual([
      ['note minLength 2: 1'],
      ['note maxLength 3: 4'],
      ['note pattern ^[a-z]+$: a1'],
    ]);
  });
});

describe('expectations when rows are pushed', () => {
  const push = (id: number, value: number | null, more: object = {}) => ({
    entity: { id },
    features: { value, ...more },
    eventTime: '2024-05-01T00:00:00Z',
  });

  it('fail: the push is refused whole', async () => {
    expecting(undefined, { max: 60, onFailure: 'fail' });
    await ingest([[9, '2024-01-01', 1, 'x']]);
    await materialize();
    await expect(store.features.push('readings', [push(1, 5), push(2, 61)])).rejects.toMatchObject({
      code: 'FS203',
      status: 422,
      detail: 'Row 2 of 2: value is not max 60: 61. Nothing was recorded.',
    });
    expect([await online(1), await online(2)]).toEqual([null, null]);
    expect(await store.featureState.pendingUpdates('readings', 1, 10)).toEqual([]);
  });

  it('quarantine: the row is kept aside, the others count', async () => {
    expecting(undefined, { max: 60, maxNull: 0, onFailure: 'quarantine' });
    await ingest([[9, '2024-01-01', 1, 'x']]);
    await materialize();
    const updates = [push(1, 61), push(2, 5), push(3, null), push(1, 6)];
    expect(await store.features.push('readings', updates)).toEqual({ applied: 2, quarantined: 2 });
    // Sent again, as after an answer that was lost.
    expect(await store.features.push('readings', updates)).toMatchObject({ quarantined: 2 });
    expect([await online(1), await online(2), await online(3)]).toEqual([6, 5, null]);
    expect(await held()).toMatchObject([
      { origin: 'push', key: { id: 1 }, reasons: ['value max 60: 61'] },
      { origin: 'push', key: { id: 3 }, reasons: ['value maxNull 0: null'] },
    ]);
    // What was pushed is not let go by what a source gives.
    await ingest([[8, '2024-01-01', 1, 'y']]);
    await materialize();
    expect(await held()).toHaveLength(2);
  });

  it('warn: the row counts, and what was found is recorded', async () => {
    expecting(undefined, { max: 60 });
    await ingest([[9, '2024-01-01', 1, 'x']]);
    await materialize();
    expect(await store.features.push('readings', [push(1, 61), push(2, 62)])).toEqual({ applied: 2, quarantined: 0 });
    expect(await online(1)).toBe(61);
    expect((await store.quality.checks({ set: 'readings', limit: 1 }))[0]).toMatchObject({
      origin: 'push',
      outcome: 'warned',
      failures: [{ expectation: 'max 60', rows: 2, observed: 61 }],
    });
  });
});
