/** Tasks that wait for something outside, in Postgres. */
import type { DeferralStore } from '../control/deferrals.ts';
import { isRunEnded } from '../control/run-states.ts';
import type { LeaseRef } from '../control/runs.ts';
import type { Database } from './database.ts';
import { lockRun } from './runs/changes.ts';
import { sqlFile } from './sql-file.ts';

const APPEND = sqlFile('runs-append-events');
const DEFER = sqlFile('deferrals-defer');
const DUE = sqlFile('deferrals-due');
const RESUME = sqlFile('deferrals-resume');
const ORPHANS = sqlFile('deferrals-orphans');

type Row = { run_id: string; name: string; attempt: number };

export function createPostgresDeferrals(db: Database, scopeId: number): DeferralStore {
  const refOf = (row: Row): LeaseRef => ({ runId: row.run_id, task: row.name, attempt: row.attempt });

  async function resume(where: { readonly task?: LeaseRef }): Promise<number> {
    const { task } = where;
    const rows = await db.query<Row>(RESUME, [scopeId, task?.runId ?? null, task?.task ?? null, task?.attempt ?? null]);
    for (const runId of new Set(rows.map((row) => row.run_id)))
      await db.query('select pg_notify($1, $2)', ['mlops_runs', `${scopeId} ${runId} state`]);
    return rows.length;
  }

  return {
    defer: (lease, { what, everyMs, childRun }) =>
      db.transaction(async (tx) => {
        const run = await lockRun(tx, scopeId, lease.runId);
        if (run === undefined || run.cancelling || isRunEnded(run.status)) return false;
        const [row] = await tx.query(DEFER, [lease.runId, lease.task, lease.attempt, scopeId, everyMs, childRun, what]);
        if (row === undefined) return false;
        const event = { task: lease.task, status: 'waiting', attempt: lease.attempt, error: null, data: { for: what } };
        await tx.query(APPEND, [lease.runId, JSON.stringify([event]), `${scopeId} ${lease.runId} state`]);
        return true;
      }),
    due: async (limit) => (await db.query<Row>(DUE, [scopeId, limit])).map(refOf),
    resume: async (task) => {
      await resume({ task });
    },
    hasWaited: async (lease) => {
      const rows = await db.query(
        `select 1 from mlops.deferred_tasks d join mlops.tasks t using (run_id, ordinal)
         where d.run_id = $1 and t.name = $2 and d.attempt = $3 - 1 and d.resumed`,
        [lease.runId, lease.task, lease.attempt],
      );
      return rows.length > 0;
    },
    resumeEnded: () => resume({}),
    orphans: async () => (await db.query<{ run_id: string }>(ORPHANS, [scopeId])).map((row) => row.run_id),
  };
}
