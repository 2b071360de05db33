/** What every AnswerLogStore promises. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AnswerLogStore, NewAnswer } from '../../src/stores/control/answer-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresAnswerLog } from '../../src/stores/postgres/postgres-answer-log.ts';
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

function answer(change: Partial<NewAnswer> = {}): NewAnswer {
  const values = { bili: 1.5, note: 'a "quoted" \\ text', since: null };
  const record = { sequence: 7, event_time: '2026-01-01T00:00:00.000001Z' };
  return {
    id: randomUUID(),
    reader: 'http',
    entity: { id: '9007199254740993' },
    reads: { at: '2026-01-02T00:00:00Z', sets: { 'labs@2': { version: 2, values, ...record, expired: true } } },
    latencyMs: 1.25,
    ageMs: 0,
    ...change,
  };
}
const DAY_MS = 86_400_000;

describe('answer log on postgres', () => {
  let log: AnswerLogStore;
  beforeEach(async () => {
    log = postgresAnswerLog(db, await freshScope(db));
  });

  it('keeps what was answered as it was, once', async () => {
    const { ageMs, ...kept } = answer();
    await log.append([{ ...kept, ageMs }]);
    await log.append([{ ...kept, ageMs }]);
    await log.append([]);
    expect(await log.list({ limit: 10 })).toEqual([{ ...kept, at: expect.any(Date) }]);
  });

  it('dates a row by its own clock and the row’s age', async () => {
    await log.append([answer({ ageMs: 60_000 }), answer()]);
    const [now, old] = await log.list({ limit: 2 });
    expect(Math.abs(now!.at.getTime() - old!.at.getTime() - 60_000)).toBeLessThan(1_000);
  });

  it('lists each once in pages, the newest first, from a time on', async () => {
    await log.append(Array.from({ length: 23 }, (_, at) => answer({ ageMs: at < 10 ? 0 : at * 1_000 })));
    const ids: string[] = [];
    const times: number[] = [];
    for (let after: { id: string; at: Date } | undefined; ; ) {
      const page = await log.list({ after, limit: 5 });
      ids.push(...page.map(({ id }) => id));
      times.push(...page.map(({ at }) => at.getTime()));
      after = page.at(-1);
      if (after === undefined) break;
    }
    expect(new Set(ids).size).toBe(23);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(await log.list({ since: new Date(times[4]!), limit: 100 })).toHaveLength(10);
  });

  it('forgets what is old and the oldest of too many, and nothing of another scope', async () => {
    const other = postgresAnswerLog(db, await freshScope(db));
    await other.append([answer({ ageMs: 9 * DAY_MS })]);
    await log.append(Array.from({ length: 6 }, (_, day) => answer({ ageMs: day * DAY_MS + 60_000 })));
    await log.prune({ keepMs: 5 * DAY_MS, most: 100 });
    expect(await log.list({ limit: 10 })).toHaveLength(5);
    const newest = (await log.list({ limit: 3 })).map(({ id }) => id);
    await log.prune({ keepMs: 5 * DAY_MS, most: 3 });
    expect((await log.list({ limit: 10 })).map(({ id }) => id)).toEqual(newest);
    await log.prune({ keepMs: 5 * DAY_MS, most: 3 });
    expect(await log.list({ limit: 10 })).toHaveLength(3);
    expect(await other.list({ limit: 10 })).toHaveLength(1);
  });
});
