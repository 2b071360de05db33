/** Ends of attempts, and what happens to leases whose holder is gone. */
import { isEnded, isRunEnded, type TaskStatus } from '../../control/run-states.ts';
import type { AttemptEnd, ExpiredLease, LeaseRef, RunRules } from '../../control/runs.ts';
import type { Database } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRun, lockRun, type TaskChange } from './changes.ts';

const END = sqlFile('runs-end-attempts');
const EXPIRED = sqlFile('runs-expired');
const OVERDUE = sqlFile('runs-overdue');

/** How long a worker may be silent before its tasks are taken over. */
export const LEASE_SECONDS = 30;

/** For each end, whether its lease was still held. */
export async function endAttempts(
  db: Database,
  scopeId: number,
  runId: string,
  ends: readonly AttemptEnd[],
  rules: RunRules,
  onlyExpired: boolean,
): Promise<readonly boolean[]> {
  return db.transaction(async (tx) => {
    const run = await lockRun(tx, scopeId, runId);
    if (run === undefined) return ends.map(() => false);
    type Row = {
      ordinal: number;
      attempt: number;
      name: string;
      status: TaskStatus;
      failures: number;
      recoveries: number;
    };
    const rows = await tx.query<Row>(END, [
      runId,
      JSON.stringify(
        ends.map((end) => ({
          task: end.task,
          attempt: end.attempt,
          status: end.status,
          exit_code: end.exitCode,
          error: end.error,
          cpu_seconds: end.usage?.cpuSeconds ?? null,
          peak_memory_bytes: end.usage?.peakMemoryBytes ?? null,
          wall_seconds: end.usage?.wallSeconds ?? null,
        })),
      ),
      onlyExpired,
    ]);
    const held = new Map(rows.map((row) => [`${row.name} ${row.attempt}`, row]));
    const change = changeRun(tx, scopeId, run, rules);
    const moves: TaskChange[] = [];
    for (const end of ends) {
      const row = held.get(`${end.task} ${end.attempt}`);
      if (row === undefined || isEnded(row.status)) continue;
      const cancelled = run.cancelling && end.status !== 'succeeded';
      const again = end.retryInMs !== null && !cancelled && end.status !== 'succeeded' && end.status !== 'cancelled';
      moves.push({
        ordinal: row.ordinal,
        task: row.name,
        from: row.status,
        ...(again ? { via: end.status, retryInMs: end.retryInMs ?? 0 } : {}),
        to: again ? 'retrying' : cancelled ? 'cancelled' : end.status,
        attempt: end.attempt,
        failures: row.failures + (end.counts === 'failure' ? 1 : 0),
        recoveries: row.recoveries + (end.counts === 'recovery' ? 1 : 0),
        exitCode: end.exitCode,
        error: end.error,
        outputs: end.status === 'succeeded' ? end.outputs : null,
        data: end.data,
      });
    }
    await change.move(moves);
    await change.commit();
    return ends.map((end) => held.has(`${end.task} ${end.attempt}`));
  });
}

export async function expiredLeases(db: Database, scopeId: number): Promise<readonly ExpiredLease[]> {
  type Row = {
    run_id: string;
    task: string;
    attempt: number;
    pipeline: string;
    failures: number;
    recoveries: number;
    node: string;
    pid: number | null;
    pid_started_at: string | null;
    deadline_in_ms: number | null;
  };
  const rows = await db.query<Row>(EXPIRED, [scopeId]);
  return rows.map((row) => ({
    runId: row.run_id,
    task: row.task,
    attempt: row.attempt,
    pipeline: row.pipeline,
    failures: row.failures,
    recoveries: row.recoveries,
    deadlineInMs: row.deadline_in_ms,
    node: row.node,
    pid: row.pid,
    pidStartedAt: row.pid_started_at,
  }));
}

export async function cancelledLeases(db: Database, workerId: string): Promise<readonly LeaseRef[]> {
  const rows = await db.query<{ run_id: string; task: string; attempt: number }>(
    `select a.run_id, t.name as task, a.attempt
     from mlops.task_attempts a
     join mlops.runs r on r.run_id = a.run_id and r.cancel_requested_at is not null
     join mlops.tasks t on t.run_id = a.run_id and t.ordinal = a.ordinal
     where a.worker_id = $1 and a.ended_at is null`,
    [workerId],
  );
  return rows.map((row) => ({ runId: row.run_id, task: row.task, attempt: row.attempt }));
}

export async function endOverdue(db: Database, scopeId: number, rules: RunRules): Promise<number> {
  type Row = { run_id: string; ordinal: number; name: string; status: TaskStatus };
  const runs = new Set((await db.query<Row>(OVERDUE, [scopeId])).map((row) => row.run_id));
  let count = 0;
  for (const runId of runs) {
    await db.transaction(async (tx) => {
      const run = await lockRun(tx, scopeId, runId);
      if (run === undefined || run.cancelling || isRunEnded(run.status)) return;
      const rows = (await tx.query<Row>(OVERDUE, [scopeId])).filter((row) => row.run_id === runId);
      const change = changeRun(tx, scopeId, run, rules);
      await change.move(
        rows.map(
          (row): TaskChange => ({
            ordinal: row.ordinal,
            task: row.name,
            from: row.status,
            to: 'timed_out',
            error: 'its deadline passed before it could run',
          }),
        ),
      );
      await change.commit();
      count += rows.length;
    });
  }
  return count;
}
