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
      detail: 'value is not max 60: 70 in one row. Nothing was written.',
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

  it('are not asked of rows that are stored, whatever is expected by now', async () => {
    await ingest(rows);
    await materialize();
    expecting(undefined, { max: 60, onFailure: 'fail' });
    await ingest([...rows, [4, '2024-03-04', 5, 'd']]);
    // The 70 is stored; only the new row is checked.
    expect(await materialize()).toMatchObject({ rowsWritten: 1, quarantined: 0 });
    const [check] = await store.quality.checks({ set: 'readings', limit: 1 });
    expect(check).toMatchObject({ outcome: 'passed', rowsRead: 4, rowsNew: 1, failures: [] });
    expect(await trained()).toEqual([10, 70, null, 5]);
  });

  it('of the share of nulls warn where rows would be kept aside, and keep none', async () => {
    expecting({ onFailure: 'quarantine', minRows: 10, freshness: '1d' }, { maxNull: 0.1 });
    await ingest(rows);
    expect(await materialize()).toMatchObject({ rowsWritten: 3, quarantined: 0 });
    const [check] = await store.quality.checks({ set: 'readings', limit: 1 });
    expect(check?.outcome).toBe('warned');
    expect(check?.failures.map(({ expectation }) => expectation).sort()).toEqual([
      'freshness 1d',
      'maxNull 0.1',
      'minRows 10',
    ]);
    expect(await held()).toEqual([]);
  });

  it('more rows to keep aside than anybody looks through stop the materialization, and none is kept', {
    timeout: 60_000,
  }, async () => {
    expecting(
      undefined,
      { max: 60, onFailure: 'quarantine' },
      {
        source: undefined,
        query: `select g as id, timestamp '2024-03-01' as "at", case when g = 0 then 1 else 99 end as value, 'n' as note from generate_series(0, 100001) t (g)`,
      },
    );
    await expect(materialize()).rejects.toMatchObject({ code: 'FS210' });
    expect([await held(), await store.featureState.parts('readings', 1)]).toEqual([[], []]);
    expect(await store.quality.checks({ set: 'readings', limit: 1 })).toMatchObject([{ outcome: 'failed' }]);
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

describe('rows that are kept aside', () => {
  const aside = async (): Promise<void> => {
    expecting(undefined, { max: 60, onFailure: 'quarantine' });
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 70, 'b'],
      [3, '2024-03-03', 80, null],
    ]);
    await materialize();
  };

  it('count after all once they are released: served at once, trained on after the next materialization', async () => {
    await aside();
    const [first] = await held();
    expect(await store.features.quarantine.release('readings', [first?.id ?? 0])).toBe(1);
    expect([await online(2), await online(3)]).toEqual([70, null]);
    await materialize();
    expect(await trained()).toEqual([10, 70, null]);
    // Stored now, they are not judged again, nor held again.
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 70, 'b'],
      [3, '2024-03-03', 80, null],
      [4, '2024-03-04', 4, 'd'],
    ]);
    expect(await materialize()).toMatchObject({ rowsWritten: 1, quarantined: 1 });
    expect((await held()).map(({ key }) => key['id'])).toEqual([3]);
    expect(await store.features.quarantine.release('readings')).toBe(1);
    expect(await online(3)).toBe(80);
    expect(await held()).toEqual([]);
  });

  it('are let go when they are discarded, and come again where the source still has them', async () => {
    await aside();
    expect(await store.features.quarantine.discard('readings')).toBe(2);
    expect([await online(2), (await held()).length]).toEqual([null, 0]);
    await ingest([
      [1, '2024-03-01', 11, 'a'],
      [2, '2024-03-02', 70, 'b'],
    ]);
    expect(await materialize()).toMatchObject({ quarantined: 1 });
    expect((await held()).map(({ key }) => key['id'])).toEqual([2]);
  });
});

describe('quality', () => {
  it('is the weighted mean of its parts, each by its formula', async () => {
    expecting({ freshness: '10d' }, { max: 60 });
    now = new Date('2024-03-23T00:00:00Z');
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 70, null],
      [3, '2024-03-03', null, null],
      [3, '2024-03-03', null, 'c'],
      [4, '2024-03-03', 40, 'd'],
    ]);
    await materialize();
    const [known] = await store.features.insights('readings');
    const quality = known?.quality;
    // value 3 of 4, note 3 of 4, doubled 3 of 4.
    expect(quality?.parts.completeness).toBeCloseTo(0.75, 10);
    expect(quality?.parts.validity).toBeCloseTo(0.75, 10);
    expect(quality?.parts.uniqueness).toBeCloseTo(0.8, 10);
    expect(quality?.parts.consistency).toBe(1);
    // By the control store's clock, which is years ahead of these rows.
    const age = (known?.freshness.ageMs ?? 0) / 86_400_000;
    expect(quality?.parts.freshness).toBeCloseTo(10 / age, 10);
    const score = 0.3 * 0.75 + 0.3 * 0.75 + 0.1 * 0.8 + 0.2 * (10 / age) + 0.1 * 1;
    expect(quality?.score).toBe(Math.round(score * 1000) / 10);
    expect(quality?.features['value']).toEqual({ completeness: 0.75, validity: 0.75, score: 75 });
    expect(quality?.features['note']).toEqual({ completeness: 0.75, validity: null, score: 75 });
    expect(known?.freshness).toMatchObject({ limitMs: 864_000_000, isFresh: false });
  });

  it('is not known before anything is', async () => {
    const [known] = await store.features.insights('readings');
    expect(known).toMatchObject({ version: null, quality: { score: null }, quarantined: 0, check: null });
  });
});

describe('the use of features', () => {
  it('is counted by reader, with what computed features read, and told with those that nobody reads', async () => {
    await ingest([[1, '2024-03-01', 10, 'a']]);
    await materialize();
    now = new Date('2024-06-01T00:00:00Z');
    const { reader } = store.features;
    await reader.read([{ id: 1 }, { id: 2 }], ['readings.doubled'], 'key:ci');
    now = new Date('2024-06-02T00:00:00Z');
    await reader.read([{ id: 1 }], ['readings.doubled'], 'key:ci');
    await reader.read([{ id: 1 }], ['readings.doubled']);
    await trained();
    const [known] = await store.features.insights('readings');
    const of = (name: string) => known?.features.find((feature) => feature.name === name);
    expect(of('value')?.use).toMatchObject([
      { reader: 'key:ci', reads: 2, entities: 3 },
      { reader: 'training:all', reads: 1, entities: 1 },
    ]);
    expect(of('doubled')?.use.map(({ reader: who, reads }) => [who, reads])).toEqual([
      ['key:ci', 2],
      ['training:all', 1],
    ]);
    const [first] = of('value')?.use.filter(({ reader: who }) => who === 'key:ci') ?? [];
    expect((first?.lastAt.getTime() ?? 0) - (first?.firstAt.getTime() ?? 0)).toBeGreaterThan(86_000_000);
    expect([of('note')?.use, of('note')?.lastReadAt]).toEqual([[], null]);
    expect(of('value')?.readBy).toEqual(['feature_set.readings.doubled', 'feature_service.all']);
    expect(of('doubled')?.reads).toEqual(['value']);
    // Added to what was counted before, once each.
    await reader.read([{ id: 1 }], ['readings.value'], 'key:ci');
    const [again] = await store.features.insights('readings');
    expect(again?.features.find(({ name }) => name === 'value')?.use[0]?.reads).toBe(3);
  });
});

describe('statistics of a training set', () => {
  it('are kept under its digest, and their figures in its record', async () => {
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 30, 'b'],
    ]);
    await materialize();
    const spine = "select id, timestamp '2030-01-01' as at, (id = 1)::int as label from raw order by id";
    const made = await store.features.trainingDataset({ features: 'all', spine }, store.call);
    expect(made.statistics?.['value']).toMatchObject({ count: 2, nulls: 0, distinct: 2, min: 10, max: 30, mean: 20 });
    const kept = await store.features.datasetStatistics(made.digest);
    expect(Object.keys(kept.columns)).toEqual(['id', 'at', 'label', 'value', 'doubled']);
    expect(kept.columns['label']?.histogram).toEqual({ edges: [-1, 0, 1], counts: [0, 1, 1, 0] });
    await expect(store.features.datasetStatistics('none')).rejects.toMatchObject({ code: 'FS201' });
  });
});

describe('statistics on request', () => {
  it('are of a window of event times, computed now, or as they were recorded', async () => {
    await ingest([
      [1, '2024-03-01', 10, 'a'],
      [2, '2024-03-02', 30, 'b'],
      [3, '2024-03-03', 50, 'b'],
    ]);
    await materialize();
    const window = { from: BigInt(Date.UTC(2024, 2, 2)) * 1000n, until: BigInt(Date.UTC(2024, 2, 3)) * 1000n };
    const ask = (more: object) =>
      store.features.statistics('readings', { kind: 'version', limit: 2, ...more }, store.call);
    expect(await ask({ window })).toMatchObject([
      { kind: 'window', rows: 1, columns: { value: { min: 30, max: 30 } } },
    ]);
    expect(await ask({})).toMatchObject([{ kind: 'version', rows: 3 }]);
    expect(await statistics('version')).toHaveLength(1);
    await expect(ask({ version: 7 })).rejects.toMatchObject({ code: 'FS201' });
    await expect(store.features.statistics('readingz', { kind: 'batch', limit: 1 }, store.call)).rejects.toMatchObject({
      code: 'FS201',
    });
  });
});
