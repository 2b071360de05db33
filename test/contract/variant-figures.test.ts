import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/lib/json.ts';
import type { NewPrediction, PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import type { VariantFigures, VariantFiguresStore } from '../../src/stores/control/variant-figures.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresVariantFigures } from '../../src/stores/postgres/postgres-variant-figures.ts';
import { profileColumn, type ReferenceProfile } from '../../src/stores/reference-profile.ts';
import { freshScope } from '../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { newPrediction } from '../support/predictions.ts';

let database: FreshDatabase;
let db: Database;

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const PROFILE: ReferenceProfile = {
  format: 'mlops.profile/1',
  inputs: {
    'labs.bili': profileColumn([0, 1, 2, 3]),
    'labs.ward': profileColumn(['icu', 'icu', 'icu', 'er']),
    'labs.never': profileColumn([1, 2]),
  },
  outputs: { probability: profileColumn([0.1, 0.9]) },
};
const HOUR_MS = 3_600_000;
const lastHour = () => ({
  endpoint: 'mortality',
  since: new Date(Date.now() - HOUR_MS),
  until: new Date(Date.now() + HOUR_MS),
});
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const momentsOf = (values: readonly number[]) => ({
  count: values.length,
  mean: expect.closeTo(mean(values), 9),
  m2: expect.closeTo(
    values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0),
    9,
  ),
});

describe('figures by variant on postgres', () => {
  let log: PredictionLogStore;
  let store: VariantFiguresStore;
  let scopeId: number;
  beforeEach(async () => {
    scopeId = await freshScope(db);
    log = postgresPredictionLog(db, scopeId);
    store = postgresVariantFigures(db, scopeId, async (model, version) =>
      model === 'profiled' && version === 3 ? PROFILE : undefined,
    );
  });
  const told = async (requestId: string, outcome: JsonValue, ordinal = 0): Promise<void> => {
    await db.query(
      `insert into mlops.feedback (scope_id, endpoint, request_id, request_hash, ordinal, outcome, recorded_by)
       values ($1, 'mortality', $2, hashtextextended($2, $1), $3, $4, 'test')`,
      [scopeId, requestId, ordinal, JSON.stringify(outcome)],
    );
  };

  it('say nothing of an endpoint without predictions', async () => {
    expect(await store.figures(lastHour())).toEqual([]);
  });

  it('count rows by variant, version and role, failures among them, and know nothing that was not logged', async () => {
    await log.append([
      ...Array.from({ length: 3 }, () => newPrediction()),
      newPrediction({ prediction: null, failure: 'EP203' }),
      newPrediction({ version: 2 }),
      newPrediction({ variant: 'treatment', model: 'other', prediction: { values: [1, 2, 3] } }),
      newPrediction({ role: 'member', member: 'a' }),
      newPrediction({ variant: null, model: null, version: null, prediction: null, failure: 'EP202' }),
      newPrediction({ endpoint: 'another' }),
    ]);
    const figures = await store.figures(lastHour());
    const short = ({ variant, role, model, version, requests, failures }: VariantFigures) =>
      `${role} ${variant} ${model} ${version}: ${requests} ${failures}`;
    expect(figures.map(short)).toEqual([
      'answer control risk 1: 4 1',
      'answer control risk 2: 1 0',
      'answer treatment other 1: 1 0',
    ]);
    expect(figures[2]).toMatchObject({ score: null, disagreement: null, labelled: null, drift: null });
    expect(figures[0]!.score).toEqual(momentsOf([0.1, 0.1, 0.1]));
  });

  it('belong to the time when a row was answered', async () => {
    await log.append([60, 30, 0].map((minutes) => newPrediction({ ageMs: minutes * 60_000 })));
    const now = Date.now();
    const within = async (from: number, to: number): Promise<number> => {
      const figures = await store.figures({
        endpoint: 'mortality',
        since: new Date(now - from * 60_000),
        until: new Date(now - to * 60_000),
      });
      return figures.reduce((sum, { requests }) => sum + requests, 0);
    };
    expect(await within(65, -5)).toBe(3);
    expect(await within(65, 45)).toBe(1);
    expect(await within(45, 5)).toBe(1);
    expect(await within(20, 5)).toBe(0);
  });

  it('tell latencies to within a percent, over many blocks', async () => {
    const latencies = Array.from({ length: 2_000 }, (_, at) => 0.2 * 1.003 ** at);
    for (let from = 0; from < 2_000; from += 50)
      await log.append(latencies.slice(from, from + 50).map((latencyMs) => newPrediction({ latencyMs })));
    const [{ latencyMs }] = (await store.figures(lastHour())) as [VariantFigures];
    const exact = (share: number): number => latencies[Math.ceil(share * 2_000) - 1]!;
    for (const [name, share] of [
      ['p50', 0.5],
      ['p95', 0.95],
      ['p99', 0.99],
    ] as const)
      expect(Math.abs(latencyMs![name] / exact(share) - 1)).toBeLessThan(0.01);
  });

  it('hold a shadow against the answers to the same rows', async () => {
    const shadow = (against: JsonValue, prediction: JsonValue): NewPrediction =>
      newPrediction({ role: 'shadow', variant: 'candidate', against, prediction });
    await log.append([
      shadow({ label: 0, probability: 0.4 }, { label: 1, probability: 0.6 }),
      shadow({ label: 0, probability: 0.1 }, { label: 0, probability: 0.2 }),
      shadow({ value: 5 }, { value: 5 + 1e-9 }),
      shadow({ value: 5 }, { value: 6 }),
      newPrediction({
        role: 'shadow',
        variant: 'candidate',
        prediction: null,
        failure: 'EP205',
        against: { value: 1 },
      }),
    ]);
    const [figures] = await store.figures(lastHour());
    const { mean: meanAbsolute, m2 } = momentsOf([0.2, 0.1, 1e-9, 1]);
    expect(figures).toMatchObject({ role: 'shadow', requests: 5, failures: 1 });
    expect(figures!.disagreement).toEqual({ pairs: 4, disagreed: 2, meanAbsolute, m2 });
  });

  it('join outcomes that came later, the last one of each row, with their losses and the area under the curve', async () => {
    const rows = [0.1, 0.35, 0.4, 0.8, 0.4].map((probability) =>
      newPrediction({ prediction: { label: probability >= 0.5 ? 1 : 0, probability } }),
    );
    const pair = [1, 2].map((ordinal) =>
      newPrediction({ requestId: 'two', ordinal, prediction: { value: 10 * ordinal } }),
    );
    await log.append([...rows, ...pair, newPrediction()]);
    await told(rows[0]!.requestId, 1);
    for (const [at, outcome] of [0, false, 1, true, 0].entries()) await told(rows[at]!.requestId, outcome);
    await told('two', 12, 1);
    await told('nobody', 1);
    const [figures] = await store.figures(lastHour());
    const p = [0.1, 0.35, 0.4, 0.8, 0.4];
    const y = [0, 0, 1, 1, 0];
    expect(figures!.labelled).toEqual({
      count: 6,
      // Of the six pairs of a 1 and a 0: five in order and one tie.
      auc: expect.closeTo(5.5 / 6, 12),
      aucRows: { positives: 2, negatives: 3 },
      outcome: momentsOf([0, 0, 1, 1, 0, 12]),
      correct: momentsOf([1, 1, 0, 1, 1]),
      brier: momentsOf(p.map((one, at) => (one - y[at]!) ** 2)),
      log_loss: momentsOf(p.map((one, at) => -Math.log(y[at] === 1 ? one : 1 - one))),
      absolute: momentsOf([2]),
      squared: momentsOf([4]),
    });
  });

  it('hold inputs and answers against the profile of the version, those that were not logged left out', async () => {
    const row = (bili: number | null, ward: string, probability: number): NewPrediction =>
      newPrediction({
        model: 'profiled',
        version: 3,
        features: { 'labs.bili': bili, 'labs.ward': ward, 'labs.unknown': 1 },
        prediction: { label: 0, probability },
      });
    await log.append([
      row(0, 'icu', 0.05),
      row(1, 'icu', 0.1),
      row(2, 'icu', 0.5),
      row(3, 'er', 7),
      row(null, 'er', 0.2),
      { ...row(0, 'er', 1), prediction: null, failure: 'EP203' },
      newPrediction({ model: 'profiled', version: 4 }),
    ]);
    const [figures, other] = await store.figures(lastHour());
    expect(other!.drift).toBeNull();
    const { inputs, outputs } = figures!.drift!;
    expect(Object.keys(inputs)).toEqual(['labs.bili', 'labs.ward']);
    expect(inputs['labs.bili']).toEqual({ count: 5, psi: 0, js: 0, nulls: { reference: 0, current: 0.2 } });
    const psi = (0.6 - 0.75) * Math.log(0.6 / 0.75) + (0.4 - 0.25) * Math.log(0.4 / 0.25);
    expect(inputs['labs.ward']).toMatchObject({ count: 5, psi: expect.closeTo(psi, 12) });
    // Two at 0.1 or below, three beyond.
    expect(outputs['probability']!.psi).toBeCloseTo((0.4 - 0.5) * Math.log(0.8) + (0.6 - 0.5) * Math.log(1.2), 12);
  });

  it('tell rows that the split or a rollout drew from those that a rule, a caller or a fallback chose', async () => {
    await log.append([
      newPrediction(),
      ...['split', 'rollout', 'rule 0', 'fallback from treatment', 'asked'].map((routed) => newPrediction({ routed })),
    ]);
    expect((await store.figures(lastHour()))[0]!.requests).toBe(6);
    expect((await store.figures({ ...lastHour(), drawn: true }))[0]!.requests).toBe(3);
  });

  it('count the different entities, and each request without one', async () => {
    await log.append([
      ...[1, 2, 1, 2, 1].map((id) => newPrediction({ entity: { id } })),
      newPrediction(),
      newPrediction(),
    ]);
    expect((await store.figures(lastHour()))[0]).toMatchObject({ requests: 7, keys: 4 });
  });
});
