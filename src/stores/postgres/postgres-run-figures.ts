/** How runs and machines stand, from Postgres: a read-only transaction that the server itself ends when it takes too long. */
import type { MachineFigures, RunFiguresStore } from '../control/run-figures.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

export function createPostgresRunFigures(db: Database, scopeId: number): RunFiguresStore {
  type Row = {
    queued: number;
    running: number;
    open_tasks: number;
    ready: number;
    waiting: number;
    oldest: number | null;
    retrying: number;
    deferred: number;
    running_tasks: number;
    machines: readonly MachineFigures[];
  };
  return {
    read: (pipelines, withinMs) =>
      db.transaction(
        async (tx) => {
          await tx.query(`select set_config('statement_timeout', $1, true)`, [String(Math.ceil(withinMs))]);
          const [row] = await tx.query<Row>(sqlFile('run-figures'), [scopeId]);
          const ends = await tx.query<{ pipeline: string; succeededAt: Date | null; failedAt: Date | null }>(
            `select p.pipeline, e.succeeded_at as "succeededAt", e.failed_at as "failedAt"
             from unnest($2::text[]) as p(pipeline)
             cross join lateral (
               select max(n.finished_at) filter (where n.status = 'succeeded') as succeeded_at,
                      max(n.finished_at) filter (where n.status = 'failed') as failed_at
               from (select r.status, r.finished_at from mlops.runs r
                     where r.scope_id = $1 and r.pipeline = p.pipeline
                     order by r.created_at desc, r.run_id desc limit 100) n
             ) e`,
            [scopeId, pipelines],
          );
          const { queued, running, ready, waiting, retrying, deferred, running_tasks } = row!;
          const beyond = ready + waiting + retrying + deferred + running_tasks;
          return {
            runs: { queued, running },
            // A task whose items run is told with those whose turn has not come: it has no attempt of its own any more.
            tasks: {
              pending: Math.max(0, row!.open_tasks - beyond),
              ready,
              waiting,
              running: running_tasks,
              retrying,
              deferred,
            },
            oldestWaitSeconds: row!.oldest,
            machines: row!.machines,
            pipelines: ends,
          };
        },
        { readOnly: true },
      ),
  };
}
