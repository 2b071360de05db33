/** Kept answers in Postgres: one statement a batch. */
import type { AnswerLogStore, LoggedAnswer } from '../control/answer-log.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

export function postgresAnswerLog(db: Database, scopeId: number): AnswerLogStore {
  return {
    append: async (answers) => {
      if (answers.length === 0) return;
      const rows = answers.map(({ latencyMs, ageMs, ...rest }) => ({ ...rest, latency_ms: latencyMs, age_ms: ageMs }));
      await db.prepared('answers-append', sqlFile('answers-append'), [scopeId, JSON.stringify(rows)]);
    },
    list: async ({ since = null, after, limit }) =>
      db.query<LoggedAnswer & Record<string, unknown>>(sqlFile('answers-list'), [
        scopeId,
        since,
        after?.at ?? null,
        after?.id ?? null,
        limit,
      ]),
    prune: async ({ keepMs, most }) => {
      await db.query(sqlFile('answers-prune'), [scopeId, keepMs, most]);
    },
  };
}
