/** Ends of attempts, and what happens to leases whose holder is gone. */
import { assertTaskMove, isRunEnded, type TaskStatus } from '../../control/run-states.ts';
import type { AttemptEnd, ExpiredLease, FanOut, LeaseRef, RunRules } from '../../control/runs.ts';
import type { Database, Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRuns, type TaskChange, type TaskMove } from './changes.ts';
import { insertItems } from './fan-outs.ts';
import { lockRuns } from './locks.ts';

const END = sqlFile('runs-end-attempts');
const EXPIRED = sqlFile('runs-expired');
const OVERDUE = sqlFile('runs-overdue');
const QUEUED_TOO_LONG = sqlFile('runs-queued-too-long');

/** How long a worker may be silent before its tasks are taken over. */
export const LEASE_SECONDS = 30;

/** For each end, whether its lease was still held. */
export async function endAttempts(
  db: Database,
  scopeId: number,
  ends: readonly AttemptEnd[],
  rules: RunRules,
  onlyExpired: boolean,
): Promise<readonly boolean[]> {
  return db.transaction(async (tx) => {
    const locked = await lockRuns(tx, scopeId, [...new Set(ends.map((end) => end.runId))]);
    const runs = new Map(locked.map((run) => [run.runId, run]));
    const known = ends.flatMap((end, index) => {
      const run = runs.get(end.runId);
      return run === undefined ? [] : [{ end, index, becomes: stateAfter(end, run.cancelling) }];
    });
    if (known.length === 0) return ends.map(() => false);
    const rows = await tx.query<{ place: number; ordinal: number; parent: number | null }>(END, [
      onlyExpired,
      known.map(({ end }) => end.runId),
      known.map(({ end }) => end.task),
      known.map(({ end }) => end.attempt),
      known.map(({ end }) => end.status),
      known.map(({ end }) => end.exitCode),
      known.map(({ end }) => end.error),
      known.map(({ becomes }) => becomes),
      known.map(({ end, becomes }) => (becomes === 'retrying' ? (end.retryInMs ?? 0) : null)),
      known.map(({ end }) => (end.counts === 'failure' ? 1 : 0)),
      known.map(({ end }) => (end.counts === 'recovery' ? 1 : 0)),
      known.map(({ end }) => (end.status === 'succeeded' && end.outputs !== null ? JSON.stringify(end.outputs) : null)),
      known.map(({ end }) => end.usage?.cpuSeconds ?? null),
      known.map(({ end }) => end.usage?.peakMemoryBytes ?? null),
      known.map(({ end }) => end.usage?.wallSeconds ?? null),
    ]);
    const byPlace = new Map(rows.map((row) => [row.place - 1, row]));
    const change = changeRuns(tx, scopeId, locked, rules);
    const moves: TaskMove[] = [];
    const fanOuts: { readonly end: AttemptEnd; readonly ordinal: number; readonly fanOut: FanOut }[] = [];
    const held = ends.map(() => false);
    known.forEach(({ end, index, becomes }, place) => {
      const row = byPlace.get(place);
      if (row === undefined) return;
      held[index] = true;
      if (end.fanOut !== undefined) fanOuts.push({ end, ordinal: row.ordinal, fanOut: end.fanOut });
      // It goes on running: its items do.
      if (becomes === 'running') return;
      moves.push({
        runId: end.runId,
        ordinal: row.ordinal,
        task: end.task,
        from: 'running',
        via: becomes === 'retrying' ? end.status : undefined,
        to: becomes,
        attempt: end.attempt,
        error: end.error,
        data: end.data,
        retryInMs: end.retryInMs,
        parent: row.parent,
      });
      // What the attempt held is free for others.
      change.hint(end.runId, 'work');
    });
    for (const { from, via, to } of moves) {
      assertTaskMove(from, via ?? to);
      if (via !== undefined) assertTaskMove(via, to);
    }
    for (const { end, ordinal, fanOut } of fanOuts)
      if (!runs.get(end.runId)!.cancelling)
        await insertItems(tx, scopeId, runs.get(end.runId)!, ordinal, end.task, fanOut, change);
    await change.moved(moves);
    await change.commit();
    return held;
  });
}

/** In a run that is being cancelled nothing is tried again. */
function stateAfter(end: AttemptEnd, cancelling: boolean): TaskStatus {
  const goesOn = end.fanOut?.items.some(({ skip }) => !skip) ?? false;
  if (end.status === 'succeeded' && !goesOn) return 'succeeded';
  if (cancelling) return 'cancelled';
  if (goesOn) return 'running';
  return end.retryInMs !== null && end.status !== 'cancelled' ? 'retrying' : end.status;
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

type OverdueRow = { run_id: string; ordinal: number; name: string; status: TaskStatus; error: string };

/** What waits beyond its deadline, or longer for room than it may. */
async function overdueTasks(db: Queryable, scopeId: number): Promise<readonly OverdueRow[]> {
  type Row = Omit<OverdueRow, 'error'>;
  const late = await db.query<Row>(OVERDUE, [scopeId]);
  const queued = await db.query<Row & { waits: string }>(QUEUED_TOO_LONG, [scopeId]);
  const told = new Set(late.map((row) => `${row.run_id} ${row.ordinal}`));
  return [
    ...late.map((row) => ({ ...row, error: 'its deadline passed before it could run' })),
    ...queued
      .filter((row) => !told.has(`${row.run_id} ${row.ordinal}`))
      .map((row) => ({ ...row, error: `it waited longer than ${row.waits} for room` })),
  ];
}

export async function endOverdue(db: Database, scopeId: number, rules: RunRules): Promise<number> {
  const runIds = [...new Set((await overdueTasks(db, scopeId)).map((row) => row.run_id))];
  if (runIds.length === 0) return 0;
  return db.transaction(async (tx) => {
    const locked = await lockRuns(tx, scopeId, runIds);
    const runs = new Set(locked.filter((run) => !run.cancelling && !isRunEnded(run.status)).map((run) => run.runId));
    const rows = (await overdueTasks(tx, scopeId)).filter((row) => runs.has(row.run_id));
    const change = changeRuns(tx, scopeId, locked, rules);
    await change.move(
      rows.map(
        (row): TaskChange => ({
          runId: row.run_id,
          ordinal: row.ordinal,
          task: row.name,
          from: row.status,
          to: 'timed_out',
          error: row.error,
        }),
      ),
    );
    await change.commit();
    return rows.length;
  });
}
