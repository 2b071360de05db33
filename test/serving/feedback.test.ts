import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MlopsError } from '../../src/lib/error.ts';
import { createFeedback, type Feedback, type ToldOutcome } from '../../src/serving/feedback.ts';
import type { CanonicalEndpoint } from '../../src/spec/canonical-specs.ts';
import type { FeedbackStore } from '../../src/stores/control/feedback.ts';
import type { PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresFeedback } from '../../src/stores/postgres/postgres-feedback.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { freshScope, memoryCatalog } from '../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { newPrediction } from '../support/predictions.ts';

const DAY_MS = 86_400_000;
let database: FreshDatabase;
let db: Database;
let log: PredictionLogStore;
let store: FeedbackStore;
let feedback: Feedback;
let now = Date.now();

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const endpoint = (name: string, type?: 'binary' | 'class' | 'number', within?: string): CanonicalEndpoint => ({
  name,
  key: 'id',
  variants: { control: { model: 'risk', stage: 'production' } },
  split: { control: 100 },
  ...(type !== undefined && { feedback: { outcome: 'died_1y', type, ...(within !== undefined && { within }) } }),
});
beforeEach(async () => {
  const scopeId = await freshScope(db);
  now = Date.now();
  log = postgresPredictionLog(db, scopeId);
  store = postgresFeedback(db, scopeId);
  feedback = createFeedback({
    catalog: memoryCatalog({
      endpoint: [
        endpoint('mortality', 'binary', '400d'),
        endpoint('ward', 'class'),
        endpoint('stay', 'number'),
        endpoint('mute'),
      ],
    }),
    store,
    now: () => now,
    awaitLogMs: 50,
  });
});

const who = 'user@host';
const tell = (outcomes: readonly ToldOutcome[], of = 'mortality') => feedback.tell(of, outcomes, { who });
async function failure(promise: Promise<unknown>): Promise<MlopsError> {
  return promise.then(
    () => {
      throw new Error('it was taken');
    },
    (error: unknown) => error as MlopsError,
  );
}

describe('feedback', () => {
  it('is joined to the row of the request, and told again changes nothing', async () => {
    const rows = [0, 1, 2].map((ordinal) => newPrediction({ requestId: 'batch', ordinal }));
    await log.append(rows);
    const outcomes = [0, 1, 2].map((row) => ({ requestId: 'batch', row, outcome: row === 1 }));
    expect(await tell(outcomes)).toEqual({ added: 3, corrected: 0, unchanged: 0, unknown: 0 });
    expect(await tell(outcomes)).toEqual({ added: 0, corrected: 0, unchanged: 3, unknown: 0 });
    const told = await store.last('mortality', rows, null);
    expect(told.map(({ ordinal, outcome }) => [ordinal, outcome]).sort()).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ]);
    expect(await feedback.history('mortality', 'batch')).toHaveLength(3);
  });

  it('corrects by another word, which counts; what was known before stays readable as of then', async () => {
    const row = newPrediction({ requestId: 'r' });
    await log.append([row]);
    await tell([{ requestId: 'r', outcome: 0, at: '2026-01-02' }]);
    const [first] = await store.last('mortality', [row], null);
    expect(await tell([{ requestId: 'r', outcome: 1, at: '2026-01-03T00:00:00Z' }])).toMatchObject({ corrected: 1 });
    expect(await store.last('mortality', [row], null)).toMatchObject([
      { outcome: 1, at: new Date('2026-01-03'), recordedBy: who },
    ]);
    expect(await store.last('mortality', [row], first!.recordedAt)).toMatchObject([{ outcome: 0 }]);
    expect((await feedback.history('mortality', 'r')).map(({ outcome }) => outcome)).toEqual([0, 1]);
    await expect(db.query('update mlops.feedback set outcome = null')).rejects.toThrow('cannot be changed');
  });

  it('takes a batch of 10,000 whole or not at all, and names the rows that cannot be', async () => {
    const rows = Array.from({ length: 10_000 }, (_, at) => newPrediction({ requestId: `r${at}` }));
    await log.append(rows);
    const outcomes = rows.map(({ requestId }, at) => ({ requestId, outcome: at % 2 }));
    const wrong = outcomes.map((one, at) => (at === 77 ? { ...one, requestId: 'nobody' } : one));
    const refused = await failure(tell(wrong));
    expect(refused).toMatchObject({ code: 'EP222', status: 404, data: { refused: 1, rows: [{ row: 77 }] } });
    expect(refused.detail).toContain('"nobody"');
    expect(await store.last('mortality', rows, null)).toEqual([]);
    expect(await feedback.tell('mortality', wrong, { who, unknown: 'skip' })).toEqual({
      added: 9_999,
      corrected: 0,
      unchanged: 0,
      unknown: 1,
    });
    expect(await tell(outcomes)).toEqual({ added: 1, corrected: 0, unchanged: 9_999, unknown: 0 });
  });

  it('is refused of what failed, of a row that the request has not, of another endpoint, and of one that takes none', async () => {
    await log.append([
      newPrediction({ requestId: 'failed', prediction: null, failure: 'EP203' }),
      newPrediction({ requestId: 'shadowed', role: 'shadow' }),
      newPrediction({ requestId: 'one' }),
      newPrediction({ requestId: 'theirs', endpoint: 'stay' }),
    ]);
    for (const told of [
      { requestId: 'failed', outcome: 1 },
      { requestId: 'shadowed', outcome: 1 },
      { requestId: 'one', row: 1, outcome: 1 },
      { requestId: 'theirs', outcome: 1 },
    ])
      expect((await failure(tell([told]))).code, told.requestId).toBe('EP222');
    expect((await failure(tell([{ requestId: 'one', outcome: 1 }], 'mute'))).code).toBe('EP221');
    expect((await failure(tell([{ requestId: 'one', outcome: 1 }], 'mortalty'))).code).toBe('EP201');
  });

  it('is of the type that the endpoint says', async () => {
    await log.append(['mortality', 'ward', 'stay'].map((of) => newPrediction({ requestId: of, endpoint: of })));
    for (const [of, outcome, taken] of [
      ['mortality', true, true],
      ['mortality', 2, false],
      ['mortality', 'yes', false],
      ['mortality', null, false],
      ['ward', 'surgery', true],
      ['ward', 7, true],
      ['ward', 1.5, false],
      ['ward', undefined, false],
      ['stay', 4.5, true],
      ['stay', Number.NaN, false],
      ['stay', '4', false],
    ] as const) {
      const told = tell([{ requestId: of, outcome }], of);
      if (taken) await told;
      else expect((await failure(told)).code, `${of} ${outcome}`).toBe('EP223');
    }
    expect((await failure(tell([{ requestId: 'mortality', outcome: 1, at: 'soon' }]))).code).toBe('EP223');
  });

  it('comes days late, but not later than the endpoint says', async () => {
    await log.append([newPrediction({ requestId: 'r' })]);
    now += 399 * DAY_MS;
    await tell([{ requestId: 'r', outcome: 0 }]);
    now += 2 * DAY_MS;
    const late = await failure(tell([{ requestId: 'r', outcome: 1 }]));
    expect(late).toMatchObject({ code: 'EP223', status: 422 });
    expect(late.detail).toContain('more than 400d ago');
  });

  it('waits a moment for a prediction that is still on its way into the log', async () => {
    const told = createFeedback({
      catalog: memoryCatalog({ endpoint: [endpoint('mortality', 'binary')] }),
      store,
      now: () => now,
      awaitLogMs: 500,
    }).tell('mortality', [{ requestId: 'new', outcome: 1 }], { who });
    await log.append([newPrediction({ requestId: 'new' })]);
    expect(await told).toMatchObject({ added: 1 });
  });
});
