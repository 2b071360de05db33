import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NewPrediction, PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
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

const prediction = (change: Partial<NewPrediction> = {}): NewPrediction =>
  newPrediction({
    requestId: 'r1',
    entity: { id: 1 },
    features: { 'labs.bili': 1.5, 'labs.note': 'a "quoted" \\ text' },
    latencyMs: 1.25,
    ...change,
  });

describe('prediction log on postgres', () => {
  let log: PredictionLogStore;
  beforeEach(async () => {
    log = postgresPredictionLog(db, await freshScope(db));
  });

  it('keeps what was answered as it was', async () => {
    const { ageMs: _, ...kept } = prediction();
    await log.append([{ ...kept, ageMs: 0 }]);
    const { items, nextCursor } = await log.list({ limit: 10 });
    expect(items).toEqual([{ ...kept, role: 'answer', at: expect.any(Date) }]);
    expect(nextCursor).toBeNull();
  });

  it('writes many in one go, and the same ones again without effect', async () => {
    const many = Array.from({ length: 500 }, (_, ordinal) => prediction({ ordinal, entity: null }));
    await log.append(many);
    await log.append(many);
    expect((await log.list({ limit: 1000 })).items).toHaveLength(500);
    await log.append([]);
  });

  it('keeps text as it came, odd characters included', async () => {
    const odd = { id: 'a\tb "\u{1f600}\' \\u0041 -- \u0000', ['__proto__']: 'own' };
    await log.append([prediction({ entity: odd, requestId: 'a\u0000b' })]);
    expect((await log.list({ limit: 1 })).items[0]!.entity).toEqual(odd);
    expect((await log.list({ requestId: 'a\u0000b', limit: 1 })).items).toHaveLength(1);
    expect((await log.list({ requestId: 'ab', limit: 1 })).items).toEqual([]);
  });

  it('keeps who answered and why, what failed, what shadows and members said, and what was read', async () => {
    const reads = { at: '2026-01-01T00:00:00Z', sets: { labs: { version: 2, features: ['bili'], sequence: 7 } } };
    const embedded = { 'labs.scan': [0.1, 0.2, null], 'labs.big': '9007199254740993', 'labs.n': -1e-300 };
    const rows: NewPrediction[] = [
      prediction({ requestId: 'all', reads, features: embedded, routed: 'rule 0' }),
      prediction({
        requestId: 'all',
        role: 'shadow',
        variant: 'candidate',
        against: { label: 0, probability: 0.1 },
        prediction: { label: 1, probability: 0.7 },
      }),
      prediction({ requestId: 'all', role: 'member', member: 'a', prediction: [1, 2] }),
      prediction({ requestId: 'all', prediction: null, failure: 'EP203', features: {}, entity: null }),
      prediction({ requestId: 'all', prediction: null, failure: 'EP202', variant: null, model: null, version: null }),
    ].map((row, ordinal) => ({ ...row, ageMs: 10 - ordinal, ordinal }));
    await log.append(rows);
    const { items } = await log.list({ requestId: 'all', limit: 10 });
    expect(items).toEqual(
      rows.map(({ ageMs: _, ...row }) => ({ role: 'answer', ...row, at: expect.any(Date) })).reverse(),
    );
  });

  it('lists blocks of several writers that overlap in time by the time of each row, whatever the pages', async () => {
    // Seed 7: the same ages each time.
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const ids = new Map<string, number>();
    for (let block = 0; block < 12; block += 1) {
      const rows = Array.from({ length: 20 }, () => prediction({ ageMs: Math.round(random() * 50_000) }));
      for (const { id, ageMs } of rows) ids.set(id, ageMs);
      await log.append(rows);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    let last = Number.POSITIVE_INFINITY;
    do {
      const page = await log.list({ endpoint: 'mortality', limit: 7, cursor });
      for (const { id, at } of page.items) {
        seen.push(id);
        expect(at.getTime()).toBeLessThanOrEqual(last);
        last = at.getTime();
      }
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(240);
    expect(new Set(seen)).toEqual(new Set(ids.keys()));
  });

  it('dates a row by the store’s clock and the row’s age', async () => {
    await log.append([prediction({ ageMs: 60_000 }), prediction()]);
    const [now, old] = (await log.list({ limit: 2 })).items;
    const apart = now!.at.getTime() - old!.at.getTime();
    expect(Math.abs(apart - 60_000)).toBeLessThan(1000);
  });

  it('lists newest first by endpoint, model and request, in pages', async () => {
    for (let at = 0; at < 7; at += 1) {
      await log.append([
        prediction({
          ordinal: at,
          ageMs: 1000 - at,
          endpoint: at % 2 === 0 ? 'even' : 'odd',
          model: `m${at}`,
          requestId: `r${at}`,
        }),
      ]);
    }
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await log.list({ limit: 3, cursor });
      seen.push(...page.items.map(({ ordinal }) => ordinal));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(7);
    expect(new Set(seen).size).toBe(7);
    expect((await log.list({ endpoint: 'odd', limit: 10 })).items).toHaveLength(3);
    expect((await log.list({ model: 'm3', limit: 10 })).items).toHaveLength(1);
    expect((await log.list({ requestId: 'r4', limit: 10 })).items).toHaveLength(1);
    await expect(log.list({ limit: 1, cursor: 'x' })).rejects.toMatchObject({ code: 'API400' });
  });

  it('keeps scopes apart', async () => {
    await log.append([prediction()]);
    expect((await postgresPredictionLog(db, await freshScope(db)).list({ limit: 10 })).items).toEqual([]);
  });
});
