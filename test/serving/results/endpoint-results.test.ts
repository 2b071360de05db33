/** Results of an endpoint over the log of predictions. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEndpointResults } from '../../../src/serving/results/endpoint-results.ts';
import type { CanonicalEndpoint } from '../../../src/spec/canonical-specs.ts';
import type { NewPrediction } from '../../../src/stores/control/prediction-log.ts';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresVariantFigures } from '../../../src/stores/postgres/postgres-variant-figures.ts';
import { createPostgresRollouts } from '../../../src/stores/postgres/rollouts/postgres-rollouts.ts';
import { freshScope, memoryCatalog } from '../../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const ENDPOINT: CanonicalEndpoint = {
  name: 'mortality',
  key: 'id',
  variants: { control: { model: 'risk', stage: 'production' }, treatment: { model: 'risk', stage: 'staging' } },
  split: { control: 75, treatment: 25 },
};

let database: FreshDatabase;
let db: Database;
let scopeId: number;

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  scopeId = await freshScope(db);
});

const results = () =>
  createEndpointResults({
    catalog: memoryCatalog({ endpoint: [ENDPOINT] }),
    rollouts: createPostgresRollouts(db, scopeId),
    figures: postgresVariantFigures(db, scopeId, async () => undefined).figures,
  });

/** So many rows of a variant of which so many fail, each of a key of its own. */
async function answered(
  variant: string,
  rows: number,
  failures: number,
  change: Partial<NewPrediction> = {},
): Promise<void> {
  await postgresPredictionLog(db, scopeId).append(
    Array.from(
      { length: rows },
      (_, row): NewPrediction => ({
        id: randomUUID(),
        requestId: randomUUID(),
        ordinal: 0,
        endpoint: 'mortality',
        variant,
        model: 'risk',
        version: variant === 'control' ? 1 : 2,
        routed: 'split',
        entity: { id: `${variant} ${row}` },
        features: {},
        prediction: row < failures ? null : { value: row % 10 },
        ...(row < failures && { failure: 'EP204' }),
        latencyMs: 2,
        ageMs: 0,
        ...change,
      }),
    ),
  );
}

describe('results', () => {
  it('tell counts, intervals, the difference, whether it is shown, and the rows still needed', async () => {
    await answered('control', 1_500, 15);
    await answered('treatment', 500, 60);
    const found = await results().of('mortality', { metric: 'errors', effect: 0.005 });
    expect(found).toMatchObject({ baseline: 'control', alpha: 0.05, power: 0.8 });
    expect(found.variants).toEqual([
      {
        variant: 'control',
        model: 'risk',
        version: 1,
        share: 75,
        requests: 1_500,
        failures: 15,
        keys: 1_500,
        labelled: 0,
      },
      {
        variant: 'treatment',
        model: 'risk',
        version: 2,
        share: 25,
        requests: 500,
        failures: 60,
        keys: 500,
        labelled: 0,
      },
    ]);
    const [errors] = found.metrics;
    const [control, treatment] = errors!.variants;
    expect(control).toMatchObject({ rows: 1_500, value: 0.01, comparison: null });
    expect(treatment!.comparison).toMatchObject({
      verdict: 'worse',
      difference: { value: expect.closeTo(0.11, 10) },
      needed: { effect: 0.005 },
    });
    expect(treatment!.comparison!.sequential!.pValue).toBeLessThan(0.001);
    expect(treatment!.comparison!.needed!.more).toBe(treatment!.comparison!.needed!.sequential - 500);
    expect(found.sampleRatio).toMatchObject({ mismatch: false, pValue: 1 });
  });

  it('say nothing that the rows do not show', async () => {
    await answered('control', 300, 3);
    await answered('treatment', 100, 2);
    const { metrics } = await results().of('mortality', { metric: 'errors' });
    expect(metrics[0]!.variants[1]!.comparison!.verdict).toBe('open');
    const few = await results().of('mortality', { metric: 'latency_p99' });
    expect(few.metrics[0]!.variants[1]).toMatchObject({
      value: expect.closeTo(2, 1),
      interval: null,
      comparison: null,
    });
  });

  it('count only rows that were drawn', async () => {
    await answered('control', 300, 0);
    await answered('treatment', 100, 0);
    for (const routed of ['rule 0', 'asked', 'fallback from control']) await answered('treatment', 50, 50, { routed });
    const { variants } = await results().of('mortality', {});
    expect(variants.map(({ requests, failures }) => [requests, failures])).toEqual([
      [300, 0],
      [100, 0],
    ]);
  });

  it('warn where the keys are not divided as the shares say, and count a key once', async () => {
    await answered('control', 400, 0);
    await answered('treatment', 300, 0);
    expect((await results().of('mortality', {})).sampleRatio).toMatchObject({ mismatch: true });
    scopeId = await freshScope(db);
    await answered('control', 300, 0);
    for (let again = 0; again < 5; again += 1) await answered('treatment', 100, 0);
    expect((await results().of('mortality', {})).sampleRatio).toMatchObject({
      mismatch: false,
      variants: [
        { variant: 'control', observed: 300, expected: 300 },
        { variant: 'treatment', observed: 100, expected: 100 },
      ],
    });
  });

  it('are empty without rows, and refuse what there is not', async () => {
    expect(await results().of('mortality', {})).toMatchObject({ variants: [], metrics: [], sampleRatio: null });
    await expect(results().of('mortalty', {})).rejects.toMatchObject({ code: 'EP201' });
    await expect(results().of('mortality', { metric: 'error' })).rejects.toMatchObject({ code: 'API422' });
    await expect(results().of('mortality', { baseline: 'contrl' })).rejects.toMatchObject({ code: 'API422' });
  });
});
