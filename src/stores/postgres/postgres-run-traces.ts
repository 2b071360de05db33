/** What is exported of runs, from the feed of their changes. */
import type { AttemptTrace, RunMove, RunTrace, RunTraceStore } from '../control/run-traces.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

const ATTEMPTS_TOLD = 10_000;

export function createPostgresRunTraces(db: Database, scopeId: number): RunTraceStore {
  return {
    takeMoves: async (limit) =>
      db.query<RunMove & Record<string, unknown>>(sqlFile('run-moves-take'), [scopeId, limit]),
    trace: async (runId) => {
      const [run] = await db.query<Omit<RunTrace, 'attempts'> & Record<string, unknown>>(
        `select run_id as "runId", pipeline, status, cause, created_at as "createdAt", finished_at as "finishedAt", git_commit as "gitCommit", spec,
           coalesce((select max(at) from mlops.run_events e where e.run_id = r.run_id and e.task is null and e.status = 'running'),
                    started_at, created_at) as "begunAt"
         from mlops.runs r where scope_id = $1 and run_id = $2`,
        [scopeId, runId],
      );
      if (run === undefined) return undefined;
      const attempts = await db.query<AttemptTrace & Record<string, unknown>>(
        `select t.name as task, t.operator, a.attempt, a.status, a.started_at as "startedAt", a.ended_at as "endedAt",
           a.exit_code as "exitCode", a.error, a.node
         from mlops.task_attempts a join mlops.tasks t on t.run_id = a.run_id and t.ordinal = a.ordinal
         where a.run_id = $1 and a.ended_at is not null and a.started_at >= $2
         order by a.started_at limit $3`,
        [runId, run.begunAt.toISOString(), ATTEMPTS_TOLD],
      );
      return { ...run, attempts };
    },
  };
}
