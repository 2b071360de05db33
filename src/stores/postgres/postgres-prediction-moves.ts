/** Which predictions are in the offline store, in Postgres. */
import type { LoggedPrediction } from '../control/prediction-log.ts';
import type { PredictionMoveStore, PredictionPart, WaitingBlocks } from '../control/prediction-moves.ts';
import type { Database } from './database.ts';
import { answeredAt, readBlocks } from './predictions/block-store.ts';
import { sqlFile } from './sql-file.ts';

const OUTCOMES_A_BATCH = 5_000;

export function postgresPredictionMoves(db: Database, scopeId: number): PredictionMoveStore {
  return {
    due: async ({ waitedMs, rows }) =>
      db.query<WaitingBlocks & Record<string, unknown>>(sqlFile('prediction-blocks-due'), [scopeId, waitedMs, rows]),
    rows: async function* (ids) {
      for await (const block of readBlocks(db, scopeId, ids, { reads: true }))
        yield block.rows.map((logged): LoggedPrediction => {
          const { age: _, ...row } = logged;
          return { ...row, endpoint: block.endpoint, at: new Date(Math.floor(answeredAt(block, logged) / 1_000)) };
        });
    },
    moved: (blocks, part) =>
      db
        .transaction(async (tx) => {
          const gone = await tx.query(
            'delete from mlops.prediction_blocks_waiting where scope_id = $1 and block_id = any($2::uuid[]) returning block_id',
            [scopeId, blocks.ids],
          );
          if (gone.length !== blocks.ids.length) {
            if (gone.length > 0) throw new TakenByAnother();
            return false;
          }
          await tx.query(
            'insert into mlops.prediction_parts (scope_id, endpoint, day, location, rows, bytes) values ($1, $2, $3::date, $4, $5, $6)',
            [scopeId, blocks.endpoint, blocks.day, part.location, part.rows, part.bytes],
          );
          return true;
        })
        .catch((error: unknown) => {
          if (error instanceof TakenByAnother) return false;
          throw error;
        }),
    parts: (endpoint) =>
      db.transaction(
        async (tx) => ({
          parts: await tx.query<PredictionPart & Record<string, unknown>>(
            `select location, rows, bytes, day::text as day from mlops.prediction_parts
             where scope_id = $1 and endpoint = any(mlops.names_of($1, 'endpoint', $2)) order by day, part_id`,
            [scopeId, endpoint],
          ),
          waiting: (
            await tx.query<{ id: string }>(
              `select block_id as id from mlops.prediction_blocks_waiting
               where scope_id = $1 and endpoint = any(mlops.names_of($1, 'endpoint', $2)) order by at, block_id`,
              [scopeId, endpoint],
            )
          ).map(({ id }) => id),
        }),
        { readOnly: true },
      ),
    prune: async (endpoint, keepMs) => {
      const rows = await db.query<{ rows: number }>(
        `delete from mlops.prediction_blocks b
         where scope_id = $1 and endpoint = any(mlops.names_of($1, 'endpoint', $2))
           and at < clock_timestamp() - $3::double precision * interval '1 millisecond'
           and not exists (select from mlops.prediction_blocks_waiting w where w.block_id = b.block_id)
         returning rows`,
        [scopeId, endpoint, keepMs],
      );
      return rows.reduce((sum, one) => sum + one.rows, 0);
    },
    outcomes: async function* (endpoint) {
      let after = 0;
      for (;;) {
        const page = await db.query<{
          feedbackId: number;
          requestId: string;
          ordinal: number;
          outcome: unknown;
          at: Date | null;
          recordedAt: Date;
        }>(sqlFile('feedback-current'), [scopeId, endpoint, after, OUTCOMES_A_BATCH]);
        if (page.length > 0) yield page.map(({ feedbackId: _, ...told }) => told);
        if (page.length < OUTCOMES_A_BATCH) return;
        after = page.at(-1)?.feedbackId ?? after;
      }
    },
  };
}

class TakenByAnother extends Error {}
