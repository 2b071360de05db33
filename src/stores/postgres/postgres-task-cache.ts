/** Results of tasks that later runs may take over, in Postgres. */
import type { JsonObject } from '../../lib/json.ts';
import type { TaskCacheStore } from '../control/task-cache.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

const FIND = sqlFile('task-cache-find');

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
      await db.query(
        `insert into mlops.task_cache (scope_id, cache_key, run_id, ordinal, attempt)
         select $1, $5, run_id, ordinal, $4 from mlops.tasks where scope_id = $1 and run_id = $2 and name = $3
         on conflict do nothing`,
        [scopeId, runId, task, attempt, key],
      );
    },
  };
}
