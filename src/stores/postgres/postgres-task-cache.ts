/** Results of tasks that later runs may take over, in Postgres. */
import type { JsonObject } from '../../lib/json.ts';
import type { TaskCacheStore } from '../control/task-cache.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

const FIND = sqlFile('task-cache-find');
const IN_HAND = sqlFile('task-cache-in-hand');

const KEEP = `insert into mlops.task_cache (scope_id, cache_key, run_id, ordinal, attempt)
         select $1, $5, run_id, ordinal, $4 from mlops.tasks where scope_id = $1 and run_id = $2 and name = $3
         on conflict do nothing`;

export function createPostgresTaskCache(db: Database, scopeId: number): TaskCacheStore {
  return {
    find: async (key, ttlMs) => {
      type Row = { run_id: string; task: string; attempt: number; outputs: JsonObject | null; ended_at: Date };
      const rows = await db.query<Row>(FIND, [scopeId, key, ttlMs]);
      return rows.map(({ run_id, task, attempt, outputs, ended_at }) => ({
        runId: run_id,
        task,
        attempt,
        outputs: outputs ?? {},
        endedAt: ended_at,
      }));
    },
    begin: ({ runId, task, attempt }, key) =>
      db.transaction(async (tx) => {
        // A statement of its own: what is looked for next is what is there once it is held.
        await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`task-cache ${scopeId} ${key}`]);
        type Row = { run_id: string; task: string; attempt: number };
        const [other] = await tx.query<Row>(IN_HAND, [scopeId, key, runId, task]);
        if (other !== undefined) return { runId: other.run_id, task: other.task, attempt: other.attempt };
        await tx.query(KEEP, [scopeId, runId, task, attempt, key]);
        return undefined;
      }),
    forget: async ({ runId, task, attempt }, key) => {
      await db.query(
        `delete from mlops.task_cache c using mlops.tasks t
         where c.scope_id = $1 and c.cache_key = $5 and c.run_id = $2 and c.attempt = $4
           and t.run_id = c.run_id and t.ordinal = c.ordinal and t.name = $3`,
        [scopeId, runId, task, attempt, key],
      );
    },
    noteReuse: async ({ runId, task, attempt }, from) => {
      await db.query(
        `insert into mlops.task_reuses (run_id, ordinal, attempt, from_run, from_task, from_attempt)
         select run_id, ordinal, $4, $5, $6, $7 from mlops.tasks where scope_id = $1 and run_id = $2 and name = $3
         on conflict (run_id, ordinal, attempt) do update set
           from_run = excluded.from_run, from_task = excluded.from_task, from_attempt = excluded.from_attempt`,
        [scopeId, runId, task, attempt, from.runId, from.task, from.attempt],
      );
    },
    keep: async ({ runId, task, attempt }, key) => {
      await db.query(KEEP, [scopeId, runId, task, attempt, key]);
    },
  };
}
