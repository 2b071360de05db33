/** Tasks that wait for something outside, in Postgres. */
import type { DeferralStore } from '../control/deferrals.ts';
import { isRunEnded } from '../control/run-states.ts';
import type { LeaseRef, RunRules } from '../control/runs.ts';
import type { Database } from './database.ts';
import { changeRuns } from './runs/changes.ts';
import { lockRuns } from './runs/locks.ts';
import { sqlFile } from './sql-file.ts';

const DEFER = sqlFile('deferrals-defer');
const DUE = sqlFile('deferrals-due');
const RESUME = sqlFile('deferrals-resume');
const ORPHANS = sqlFile('deferrals-orphans');

/** Nothing ends here, so that nothing is to be decided. */
const NO_RULES: RunRules = { settle: () => ({ to: 'pending' }), result: () => 'succeeded' };

type Row = { run_id: string; name: string; attempt: number };

export function createPostgresDeferrals(db: Database, scopeId: number): DeferralStore {
  const refOf = (row: Row): LeaseRef => ({ runId: row.run_id, task: row.name, attempt: row.attempt });

  async function resume(where: { readonly task?: LeaseRef }): Promise<number> {
    const { task } = where;
    const rows = await db.query<Row>(RESUME, [scopeId, task?.runId ?? null, task?.task ?? null, task?.attempt ?? null]);
    for (const runId of new Set(rows.map((row) => row.run_id)))
      await db.query('select pg_notify($1, $2)', ['mlops_runs', `${scopeId} ${runId} work`]);
    return rows.length;
  }

  return {
    defer: (lease, { what, everyMs, childRun, cacheKey }) =>
      db.transaction(async (tx) => {
        const [run] = await lockRuns(tx, scopeId, [lease.runId]);
        if (run === undefined || run.cancelling || isRunEnded(run.status)) return false;
        const [row] = await tx.query<{ ordinal: number }>(DEFER, [
          lease.runId,
          lease.task,
          lease.attempt,
          scopeId,
          everyMs,
          childRun,
          what,
          cacheKey ?? null,
        ]);
        if (row === undefined) return false;
        const change = changeRuns(tx, scopeId, [run], NO_RULES);
        const move = { from: 'running', to: 'waiting', error: null, data: { for: what }, parent: null } as const;
        await change.moved([{ ...move, ...lease, ordinal: row.ordinal }]);
        await change.commit();
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
