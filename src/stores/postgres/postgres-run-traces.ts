/** What is exported of runs, from the feed of their changes. */
import type { AttemptTrace, RunMove, RunTrace, RunTraceStore } from '../control/run-traces.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

const ATTEMPTS_TOLD = 10_000;

export function createPostgresRunTraces(db: Database, scopeId: number): RunTraceStore {
  return {
    takeMoves: async (limit) =>
      db.prepared<RunMove & Record<string, unknown>>('run-moves-take', sqlFile('run-moves-take'), [scopeId, limit]),
    trace: async (runId) => {
      const [row] = await db.query<Omit<RunTrace, 'attempts'> & { endedBefore: Date | null } & Record<string, unknown>>(
        sqlFile('run-trace'),
        [scopeId, runId],
      );
      if (row === undefined) return undefined;
      const { endedBefore, ...run } = row;
      const attempts = await db.query<AttemptTrace & Record<string, unknown>>(
        `select t.name as task, t.operator, a.attempt, a.status, a.started_at as "startedAt", a.ended_at as "endedAt",
           a.exit_code as "exitCode", a.error, a.node
         from mlops.task_attempts a join mlops.tasks t on t.run_id = a.run_id and t.ordinal = a.ordinal
         where a.run_id = $1 and a.ended_at is not null and ($2::timestamptz is null or a.started_at > $2)
         order by a.started_at limit $3`,
        [runId, endedBefore?.toISOString() ?? null, ATTEMPTS_TOLD],
      );
      // Its first attempts may be noted a moment before the run itself.
      const first = attempts[0]?.startedAt;
      return { ...run, begunAt: first !== undefined && first < run.begunAt ? first : run.begunAt, attempts };
    },
  };
}
