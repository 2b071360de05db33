/** What every PredictionLogStore promises. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NewPrediction, PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { freshScope } from '../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

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

function prediction(change: Partial<NewPrediction> = {}): NewPrediction {
  return {
    id: randomUUID(),
    requestId: 'r1',
    ordinal: 0,
    endpoint: 'mortality',
    variant: 'control',
    model: 'risk',
    version: 1,
    entity: { id: 1 },
    features: { 'labs.bili': 1.5, 'labs.note': 'a "quoted" \\ text' },
    prediction: { label: 0, probability: 0.1 },
    latencyMs: 1.25,
    ageMs: 0,
    ...change,
  };
}

describe('prediction log on postgres', () => {
  let log: PredictionLogStore;
  beforeEach(async () => {
    log = postgresPredictionLog(db, await freshScope(db));
  });

  it('keeps what was answered as it was', async () => {
    const { ageMs: _, ...kept } = prediction();
    await log.append([{ ...kept, ageMs: 0 }]);
    const { items, nextCursor } = await log.list({ limit: 10 });
    expect(items).toEqual([{ ...kept, at: expect.any(Date) }]);
    expect(nextCursor).toBeNull();
  });

  it('writes many in one go, and the same ones again without effect', async () => {
    const many = Array.from({ length: 500 }, (_, ordinal) => prediction({ ordinal, entity: null }));
    await log.append(many);
    await log.append(many);
    expect((await log.list({ limit: 1000 })).items).toHaveLength(500);
    await log.append([]);
  });

  it('keeps text as it came, odd characters included, and refuses what it cannot hold with a code of class 22', async () => {
    const odd = { id: 'a\tb "\u{1f600}\' \\u0041 --' };
    await log.append([prediction({ entity: odd })]);
    expect((await log.list({ limit: 1 })).items[0]!.entity).toEqual(odd);
    await expect(log.append([prediction({ requestId: 'a\u0000b' })])).rejects.toMatchObject({
      code: expect.stringMatching(/^22/),
    });
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
