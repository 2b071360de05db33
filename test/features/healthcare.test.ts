/** The feature store on the real data: 1,945 visits of 312 patients with primary biliary cirrhosis. */

import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { type FeatureStore, openFeatureStore } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const visits: CanonicalSpecs['source'] = {
  name: 'visits',
  file: 'data/pbcseq.csv',
  nulls: ['NA'],
  columns: { event_time: "timestamp '1974-01-01' + day * interval 1 day" },
};
const patient: CanonicalSpecs['entity'] = { name: 'patient', keys: { id: 'int64' } };
const labs: CanonicalSpecs['feature_set'] = {
  name: 'patient_labs',
  entity: 'patient',
  source: 'visits',
  eventTime: 'event_time',
  ttl: '400d',
  features: {
    bili: { dtype: 'float64', expect: { min: 0, max: 60, maxNull: 0.01 } },
    albumin: { dtype: 'float64' },
    platelet: { dtype: 'float64' },
    bili_albumin: { dtype: 'float64', expr: 'bili / albumin' },
  },
};
const trend: CanonicalSpecs['feature_set'] = {
  name: 'patient_trend',
  entity: 'patient',
  eventTime: 'event_time',
  ttl: '400d',
  query: `select id, event_time, count(*) over w as visits_365d, bili - first_value(bili) over w as bili_change_365d
          from visits window w as (partition by id order by event_time range between interval 365 days preceding and current row)`,
  features: { visits_365d: { dtype: 'int64' }, bili_change_365d: { dtype: 'float64' } },
};
const risk: CanonicalSpecs['feature_service'] = {
  name: 'mortality_inputs',
  features: [
    'patient_labs.bili',
    'patient_labs.albumin',
    'patient_labs.bili_albumin',
    'patient_trend.bili_change_365d',
  ],
};
const dataset = {
  features: 'mortality_inputs',
  spine:
    'select id, event_time, (status = 2 and futime - day <= 365)::int as died_1y, bili as bili from visits where futime - day >= 365 or status = 2',
} as const;

describe('the healthcare feature store', () => {
  let directory: TemporaryDirectory;
  let database: FreshDatabase;
  let store: FeatureStore;
  let now = new Date('1990-01-01T00:00:00Z');

  beforeAll(async () => {
    directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'data'));
    await cp('examples/healthcare/data/pbcseq.csv', join(directory.path, 'data', 'pbcseq.csv'));
    database = await freshDatabase();
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => ({ source: [visits], entity: [patient], feature_set: [labs, trend], feature_service: [risk] }),
      clock: { now: () => now },
    });
  });
  afterAll(async () => {
    await store?.close();
    await database?.drop();
    await directory?.remove();
  });

  it('takes a snapshot once', async () => {
    const first = await store.features.ingest('visits', store.call);
    expect(first).toMatchObject({ source: 'visits', rows: 1945, changed: true });
    const second = await store.features.ingest('visits', store.call);
    expect(second).toEqual({ ...first, changed: false });
  });

  it('finds the expectations met', async () => {
    expect(await store.features.validate({ featureSets: ['patient_labs', 'patient_trend'] }, store.call)).toEqual({
      checked: 3,
      failures: [],
    });
  });

  it('materializes every visit of both sets, and nothing twice', async () => {
    const first = await store.features.materialize('patient_labs', store.call);
    expect(first).toMatchObject({ featureSet: 'patient_labs', version: 1, rowsRead: 1945, rowsWritten: 1945 });
    expect(first.onlineWritten).toBe(312);
    expect(await store.features.materialize('patient_trend', store.call)).toMatchObject({ rowsWritten: 1945 });
    expect(await store.features.materialize('patient_labs', store.call)).toMatchObject({
      rowsRead: 0,
      rowsWritten: 0,
      onlineWritten: 0,
    });
  });

  it('reads a patient online while the last visit is within its ttl, both ends included', async () => {
    const features = ['patient_labs.bili', 'patient_labs.bili_albumin', 'patient_trend.visits_365d'];
    const read = async (at: string) => {
      now = new Date(at);
      const [known, stranger] = await store.features.reader.read([{ id: 2 }, { id: 9999 }], features);
      expect(Object.values(stranger?.status ?? {})).toEqual(['not_found', 'not_found', 'not_found']);
      return known;
    };
    // The last visit of patient 2 was on day 3226.
    const valid = await read('1983-01-01T00:00:00.000Z');
    expect(valid).toMatchObject({
      entity: { id: 2 },
      features: { 'patient_labs.bili': 4.6, 'patient_labs.bili_albumin': 4.6 / 2.67, 'patient_trend.visits_365d': 2 },
      status: {
        'patient_labs.bili': 'present',
        'patient_labs.bili_albumin': 'present',
        'patient_trend.visits_365d': 'present',
      },
      eventTime: Object.fromEntries(features.map((feature) => [feature, '1982-11-01T00:00:00.000000Z'])),
    });
    expect((await read('1983-12-06T00:00:00.000Z'))?.status['patient_labs.bili']).toBe('present');
    expect(await read('1983-12-06T00:00:00.001Z')).toMatchObject({
      features: { 'patient_labs.bili': null },
      status: { 'patient_labs.bili': 'expired', 'patient_labs.bili_albumin': 'expired' },
    });
    expect((await read('1982-10-31T23:59:59.999Z'))?.status['patient_labs.bili']).toBe('not_found');
  });

  it('reads the same with names and by places, whatever is asked for at whatever time', async () => {
    const all = ['bili', 'albumin', 'bili_albumin'].flatMap((name) => [
      `patient_labs.${name}`,
      `patient_labs@1.${name}`,
    ]);
    const features = fc.uniqueArray(fc.constantFrom(...all, 'patient_trend.visits_365d'), { minLength: 1 });
    const ids = fc.array(fc.constantFrom(1, 2, 3, 9999), { minLength: 1, maxLength: 4 });
    const times = fc.constantFrom('1982-10-31', '1983-01-01', '1983-12-07', '1990-01-01');
    await fc.assert(
      fc.asyncProperty(features, ids, times, async (names, asked, time) => {
        now = new Date(`${time}T00:00:00.001Z`);
        const entities = asked.map((id) => ({ id }));
        const { at, sets, rows, origins } = await store.features.reader.readTraced(entities, names, 'endpoint:x');
        const named = <T>(values: readonly T[]) =>
          Object.fromEntries(names.map((name, place) => [name, values[place]]));
        expect(
          rows.map(({ values, statuses, eventTimes }, row) => ({
            entity: entities[row],
            features: named(values),
            status: named(statuses),
            eventTime: named(eventTimes),
            at,
            origins: Object.fromEntries(sets.map((set, place) => [set, origins[row]?.[place]])),
          })),
        ).toEqual(await store.features.reader.read(entities, names));
      }),
      { seed: 3, numRuns: 60 },
    );
    await expect(store.features.reader.readTraced([{ id: 'x' }], ['patient_labs.bili'])).rejects.toThrow();
    await expect(store.features.reader.readTraced([{ id: 1 }], ['patient_labs.bil'])).rejects.toMatchObject({
      code: 'FS201',
    });
  });

  it('makes the same training set twice, byte for byte', async () => {
    const first = await store.features.trainingDataset(dataset, store.call);
    const again = await store.features.trainingDataset(dataset, store.call);
    expect(again).toEqual(first);
    expect(first.features.map(({ column }) => column)).toEqual([
      'patient_labs__bili',
      'albumin',
      'bili_albumin',
      'bili_change_365d',
    ]);
    expect(first.trainRows + first.testRows).toBe(first.rows);
    const data = await store.offline.readColumns(await store.artifacts.localPath(first.artifact), [
      'bili',
      'patient_labs__bili',
      'albumin',
      'bili_albumin',
      'died_1y',
      '__split',
    ]);
    const bili = data.columns['bili'] as Float64Array;
    // Every visit of the spine is one of the set: its own values are the answer.
    expect(data.columns['patient_labs__bili']).toEqual(bili);
    const albumin = data.columns['albumin'] as Float64Array;
    expect(data.columns['bili_albumin']).toEqual(bili.map((value, row) => value / (albumin[row] as number)));
    expect(new Set(data.columns['__split'] as string[])).toEqual(new Set(['train', 'test']));
  });
});
