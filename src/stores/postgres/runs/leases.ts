/** Claims, ends of attempts, and what happens to leases whose holder is gone. */
import { isEnded, isRunEnded, type TaskStatus } from '../../control/run-states.ts';
import type {
  Admission,
  AttemptEnd,
  Candidate,
  ExpiredLease,
  Lease,
  LeaseRef,
  Room,
  RunRules,
  WorkerIdentity,
} from '../../control/runs.ts';
import type { Database, Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRun, lockRun, type TaskChange } from './changes.ts';

const CANDIDATES = sqlFile('runs-candidates');
const ROOM = sqlFile('runs-room');
const START = sqlFile('runs-start-attempts');
const END = sqlFile('runs-end-attempts');
const EXPIRED = sqlFile('runs-expired');
const OVERDUE = sqlFile('runs-overdue');

/** How long a worker may be silent before its tasks are taken over. */
export const LEASE_SECONDS = 30;
/** From then on a task's age decides, not its priority, and smaller ones no longer go first. */
export const AGING_SECONDS = 300;

type CandidateRow = {
  run_id: string;
  ordinal: number;
  name: string;
  status: TaskStatus;
  cpu: number;
  memory_bytes: number;
  gpu: number;
  priority: number;
  attempt: number;
  failures: number;
  recoveries: number;
  pipeline: string;
  waited_seconds: number;
};

type RoomRow = {
  cpu: number;
  memory_bytes: number;
  gpu: number;
  largest_cpu: number | null;
  largest_memory_bytes: number | null;
  largest_gpu: number | null;
  next_due_ms: number | null;
};

export async function claim(
  db: Database,
  scopeId: number,
  worker: WorkerIdentity,
  leaseSeconds: number,
  slots: number,
  admit: (candidates: readonly Candidate[], room: Room) => Admission,
  rules: RunRules,
): Promise<{ readonly leases: readonly Lease[]; readonly nextDueMs: number | null }> {
  return db.transaction(async (tx) => {
    // Two workers on one machine must not both count the same room as free.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, $2))', [`mlops claim ${worker.node}`, scopeId]);
    const [used] = await tx.query<RoomRow>(ROOM, [scopeId, worker.node]);
    const room: Room = {
      free: {
        cpu: worker.capacity.cpu - (used?.cpu ?? 0),
        memoryBytes: worker.capacity.memoryBytes - (used?.memory_bytes ?? 0),
        gpu: worker.capacity.gpu - (used?.gpu ?? 0),
      },
      largest: {
        cpu: Math.max(worker.capacity.cpu, used?.largest_cpu ?? 0),
        memoryBytes: Math.max(worker.capacity.memoryBytes, used?.largest_memory_bytes ?? 0),
        gpu: Math.max(worker.capacity.gpu, used?.largest_gpu ?? 0),
      },
      slots,
    };
    const candidates = await tx.query<CandidateRow>(CANDIDATES, [
      scopeId,
      room.free.cpu,
      room.free.memoryBytes,
      room.free.gpu,
      AGING_SECONDS,
    ]);
    const nextDueMs = used?.next_due_ms ?? null;
    if (candidates.length === 0) return { leases: [], nextDueMs };
    const chosen = admit(candidates.map(candidateOf), room);
    const admitted = new Set(chosen.admit);
    const refused = new Map(chosen.refuse.map((refusal) => [refusal.index, refusal.error]));
    const byRun = new Map<string, { row: CandidateRow; index: number }[]>();
    candidates.forEach((row, index) => {
      // A task that waits already and goes on waiting needs no write.
      if (row.status === 'waiting' && !admitted.has(index) && !refused.has(index)) return;
      const group = byRun.get(row.run_id) ?? [];
      group.push({ row, index });
      byRun.set(row.run_id, group);
    });
    const leases: Lease[] = [];
    // A run that somebody changes right now is passed over: its change hints at it when it is done.
    const free = await tx.query<{ run_id: string }>(
      'select run_id from mlops.runs where run_id = any($1::uuid[]) order by run_id for update skip locked',
      [[...byRun.keys()]],
    );
    for (const { run_id } of free) {
      leases.push(
        ...(await claimOfRun(tx, scopeId, worker, leaseSeconds, byRun.get(run_id) ?? [], admitted, refused, rules)),
      );
    }
    return { leases, nextDueMs };
  });
}

function candidateOf(row: CandidateRow): Candidate {
  return {
    runId: row.run_id,
    task: row.name,
    priority: row.priority,
    waitedSeconds: row.waited_seconds,
    cpu: row.cpu,
    memoryBytes: row.memory_bytes,
    gpu: row.gpu,
  };
}

async function claimOfRun(
  tx: Queryable,
  scopeId: number,
  worker: WorkerIdentity,
  leaseSeconds: number,
  group: readonly { readonly row: CandidateRow; readonly index: number }[],
  admitted: ReadonlySet<number>,
  refused: ReadonlyMap<number, string>,
  rules: RunRules,
): Promise<readonly Lease[]> {
  const runId = group[0]?.row.run_id ?? '';
  const run = await lockRun(tx, scopeId, runId);
  if (run === undefined || run.cancelling || run.held || isRunEnded(run.status)) return [];
  // The candidates were read before the lock: only what still is as it was counts.
  const current = new Map(
    (
      await tx.query<{ ordinal: number; status: TaskStatus; attempt: number }>(
        'select ordinal, status, attempt from mlops.tasks where run_id = $1 and ordinal = any($2::integer[])',
        [runId, group.map(({ row }) => row.ordinal)],
      )
    ).map((row) => [row.ordinal, row]),
  );
  const still = group.filter(({ row }) => {
    const now = current.get(row.ordinal);
    return now?.status === row.status && now.attempt === row.attempt;
  });
  const change = changeRun(tx, scopeId, run, rules);
  await change.move(
    still
      .filter(({ row }) => row.status === 'retrying')
      .map(({ row }): TaskChange => ({ ordinal: row.ordinal, task: row.name, from: 'retrying', to: 'ready' })),
  );
  const moves: TaskChange[] = [];
  const starts: { row: CandidateRow; attempt: number }[] = [];
  for (const { row, index } of still) {
    const from = row.status === 'waiting' ? 'waiting' : 'ready';
    const error = refused.get(index);
    if (error !== undefined) {
      moves.push({ ordinal: row.ordinal, task: row.name, from, to: 'failed', error });
    } else if (admitted.has(index)) {
      starts.push({ row, attempt: row.attempt + 1 });
      moves.push({ ordinal: row.ordinal, task: row.name, from, to: 'running', attempt: row.attempt + 1 });
    } else if (from === 'ready') {
      moves.push({ ordinal: row.ordinal, task: row.name, from, to: 'waiting' });
    }
  }
  if (run.status === 'queued' && starts.length > 0) await change.moveRun('running');
  await change.move(moves);
  await change.commit();
  if (starts.length === 0) return [];
  const rows = await tx.query<{ ordinal: number; attempt: number; deadline_in_ms: number | null }>(START, [
    scopeId,
    runId,
    worker.workerId,
    worker.node,
    JSON.stringify(starts.map(({ row, attempt }) => ({ ordinal: row.ordinal, attempt }))),
    leaseSeconds,
  ]);
  const deadlines = new Map(rows.map((row) => [row.ordinal, row.deadline_in_ms]));
  return starts.map(({ row, attempt }) => ({
    runId,
    task: row.name,
    attempt,
    pipeline: row.pipeline,
    failures: row.failures,
    recoveries: row.recoveries,
    deadlineInMs: deadlines.get(row.ordinal) ?? null,
  }));
}

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
