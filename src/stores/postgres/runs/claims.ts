/** Claims: which tasks a worker gets, decided and written in one transaction. */
import { isRunEnded, type TaskStatus } from '../../control/run-states.ts';
import type { Admission, Candidate, Demand, Lease, Room, RunRules, WorkerIdentity } from '../../control/runs.ts';
import type { Database, Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRun, lockRun, type TaskChange } from './changes.ts';

const CANDIDATES = sqlFile('runs-candidates');
const ROOM = sqlFile('runs-room');
const START = sqlFile('runs-start-attempts');

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
  machines: readonly Demand[];
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
    await tx.query(
      `select set_config('idle_in_transaction_session_timeout', '15s', true), pg_advisory_xact_lock(hashtextextended($1, $2))`,
      [`mlops claim ${worker.node}`, scopeId],
    );
    const [used] = await tx.query<RoomRow>(ROOM, [scopeId, worker.node]);
    const room: Room = {
      free: {
        cpu: worker.capacity.cpu - (used?.cpu ?? 0),
        memoryBytes: worker.capacity.memoryBytes - (used?.memory_bytes ?? 0),
        gpu: worker.capacity.gpu - (used?.gpu ?? 0),
      },
      machine: worker.capacity,
      machines: [worker.capacity, ...(used?.machines ?? [])],
      slots,
    };
    const candidates = await tx.query<CandidateRow>(CANDIDATES, [
      scopeId,
      room.free.cpu,
      room.free.memoryBytes,
      room.free.gpu,
      AGING_SECONDS,
      slots,
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
