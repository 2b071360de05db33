/** Feedback in Postgres. That a prediction is known is told by the blocks' request ids; rows beyond the first of a request by their block. */
import type { FeedbackStore, PredictedRow, RecordedFeedback } from '../control/feedback.ts';
import type { Database } from './database.ts';
import { lockName } from './feature-claims.ts';
import { answeredAt, hashable, readBlocks } from './predictions/block-store.ts';
import { sqlFile } from './sql-file.ts';

export function postgresFeedback(db: Database, scopeId: number): FeedbackStore {
  return {
    predicted: (endpoint, rows) => predicted(db, scopeId, endpoint, rows),
    record: async (endpoint, rows, who) => {
      const told = rows.map(({ requestId, ...row }) => ({ ...row, requestId: hashable(requestId) }));
      const [counts] = await db.transaction(async (tx) => {
        await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
          lockName(scopeId, 'feedback', endpoint),
        ]);
        return tx.query<{ added: number; corrected: number }>(sqlFile('feedback-record'), [
          scopeId,
          endpoint,
          who,
          JSON.stringify(told),
        ]);
      });
      const { added = 0, corrected = 0 } = counts ?? {};
      return { added, corrected, unchanged: rows.length - added - corrected };
    },
    last: async (endpoint, rows, asOf) =>
      rows.length === 0
        ? []
        : db.query<RecordedFeedback & Record<string, unknown>>(sqlFile('feedback-last'), [
            scopeId,
            endpoint,
            rows.map(({ requestId }) => hashable(requestId)),
            rows.map(({ ordinal }) => ordinal),
            asOf,
          ]),
    history: (endpoint, requestId) =>
      db.query<RecordedFeedback & Record<string, unknown>>(
        `select request_id as "requestId", ordinal, outcome, at, recorded_at as "recordedAt", recorded_by as "recordedBy"
         from mlops.feedback
         where scope_id = $1 and request_hash = hashtextextended($3, $1) and request_id = $3
           and endpoint = any(mlops.names_of($1, 'endpoint', $2))
         order by feedback_id`,
        [scopeId, endpoint, hashable(requestId)],
      ),
  };
}

async function predicted(
  db: Database,
  scopeId: number,
  endpoint: string,
  rows: readonly PredictedRow[],
): Promise<readonly (Date | undefined)[]> {
  const found = await db.query<{ blockId: string }>(sqlFile('feedback-predicted'), [
    scopeId,
    endpoint,
    [...new Set(rows.map(({ requestId }) => hashable(requestId)))],
  ]);
  const known = new Map<string, Date>();
  const ids = found.map(({ blockId }) => blockId);
  const asked = new Set(rows.map(({ requestId, ordinal }) => `${ordinal} ${requestId}`));
  for await (const block of readBlocks(db, scopeId, ids)) {
    for (const row of block.rows) {
      const key = `${row.ordinal} ${row.requestId}`;
      if (row.role === 'answer' && row.failure === undefined && asked.has(key))
        known.set(key, new Date(Math.floor(answeredAt(block, row) / 1_000)));
    }
  }
  return rows.map(({ requestId, ordinal }) => known.get(`${ordinal} ${requestId}`));
}
