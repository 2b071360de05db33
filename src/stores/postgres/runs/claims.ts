/** Claims: which tasks a worker gets, decided and written in one transaction. */
import type { JsonValue } from '../../../lib/json.ts';
import type { Shares } from '../../control/limits.ts';
import { isRunEnded, type TaskStatus } from '../../control/run-states.ts';
import type { Admission, Candidate, Demand, Lease, Room, RunRules, WorkerIdentity } from '../../control/runs.ts';
import type { Database, Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRuns, type TaskChange, type TaskMove } from './changes.ts';
import { type LockedRun, lockRuns } from './locks.ts';
import { lockLimits, sharesInUse } from './shares.ts';

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
  waited_seconds: number;
  shared: Shares | null;
  waiting_for: string | null;
};

type RoomRow = {
  cpu: number;
  memory_bytes: number;
  gpu: number;
  machines: readonly Demand[];
  gpus: readonly number[];
  next_due_ms: number | null;
};

type StartRow = {
  run_id: string;
  ordinal: number;
  name: string;
  attempt: number;
  failures: number;
  recoveries: number;
  waited_seconds: number;
  deadline_in_ms: number | null;
  item: JsonValue | null;
  gpus: readonly number[];
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
    // Two workers on one machine must not both count the same room as free. What is read here are few rows by an index.
    await tx.query(
      `select set_config('idle_in_transaction_session_timeout', '15s', true), set_config('enable_hashjoin', 'off', true),
              set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_material', 'off', true),
              pg_advisory_xact_lock(hashtextextended($1, $2))`,
      [`mlops claim ${worker.node}`, scopeId],
    );
    const [used] = await tx.query<RoomRow>(ROOM, [scopeId, worker.node]);
    const room = roomOf(worker, used, slots);
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
    const sharing = candidates.some((row) => row.shared !== null);
    // Two machines must not both count the same slots of a pool as free.
    if (sharing) await lockLimits(tx, scopeId);
    const {
      admit: admitted,
      refuse,
      wait,
    } = admit(candidates.map(candidateOf), sharing ? { ...room, inUse: await sharesInUse(tx, scopeId, false) } : room);
    const reasons = new Map(wait.map(({ index, for: what }) => [index, what]));
    const starting = new Set(admitted);
    const refused = new Map(refuse.map((refusal) => [refusal.index, refusal.error]));
    // A task that waits already and goes on waiting needs no write.
    const concerned = candidates.flatMap((row, index) =>
      row.status === 'waiting' && !starting.has(index) && !refused.has(index) && row.waiting_for === reasons.get(index)
        ? []
        : [{ row, index }],
    );
    // A run that somebody changes right now is passed over: its change hints at it when it is done. Where there is no other, its turn
    // is waited for: one that is changed again and again is never free.
    const concernedRuns = [...new Set(concerned.map(({ row }) => row.run_id))];
    const free = await lockRuns(tx, scopeId, concernedRuns, { free: true });
    const locked = free.length > 0 ? free : await lockRuns(tx, scopeId, concernedRuns.slice(0, 1));
    const runs = new Map(
      locked.filter((run) => !run.cancelling && !run.held && !isRunEnded(run.status)).map((run) => [run.runId, run]),
    );
    const decided = concerned.filter(({ row }) => runs.has(row.run_id));
    const change = changeRuns(tx, scopeId, locked, rules);
    const waits = decided.filter(({ row, index }) => row.status !== 'waiting' && !starting.has(index));
    const stale = await changedSince(
      tx,
      decided.filter(({ row, index }) => row.status === 'retrying' || !starting.has(index)),
    );
    const due = decided.filter(({ row }) => row.status === 'retrying' && !stale.has(row));
    await change.move(due.map(({ row }) => moveOf(row, 'retrying', 'ready')));
    await change.move([
      ...decided.flatMap(({ row, index }): TaskChange[] => {
        const error = refused.get(index);
        const from = row.status === 'waiting' ? 'waiting' : 'ready';
        return error === undefined || stale.has(row) ? [] : [{ ...moveOf(row, from, 'failed'), error }];
      }),
      ...waits.flatMap(({ row, index }) =>
        refused.has(index) || stale.has(row)
          ? []
          : [{ ...moveOf(row, 'ready', 'waiting'), waitingFor: reasons.get(index) ?? 'its turn' }],
      ),
    ]);
    await waitForOther(
      tx,
      decided.filter(
        ({ row, index }) => row.status === 'waiting' && !starting.has(index) && !refused.has(index) && !stale.has(row),
      ),
      reasons,
    );
    const chosen = decided.filter(({ row, index }) => starting.has(index) && !stale.has(row)).map(({ row }) => row);
    const leases = await start(
      tx,
      scopeId,
      worker,
      leaseSeconds,
      chosen,
      used?.gpus ?? [],
      runs,
      (runId) => change.moveRun(runId, 'running'),
      (moves) => change.moved(moves),
    );
    await change.commit();
    return { leases, nextDueMs };
  });
}

function roomOf(worker: WorkerIdentity, used: RoomRow | undefined, slots: number): Room {
  return {
    free: {
      cpu: worker.capacity.cpu - (used?.cpu ?? 0),
      memoryBytes: worker.capacity.memoryBytes - (used?.memory_bytes ?? 0),
      gpu: worker.capacity.gpu - (used?.gpu ?? 0),
    },
    machine: worker.capacity,
    machines: [worker.capacity, ...(used?.machines ?? [])],
    slots,
  };
}

function moveOf(row: CandidateRow, from: TaskStatus, to: TaskStatus): TaskChange {
  return { runId: row.run_id, ordinal: row.ordinal, task: row.name, from, to };
}

/** The candidates were read before the lock: only what still is as it was counts. */
async function changedSince(
  tx: Queryable,
  candidates: readonly { readonly row: CandidateRow }[],
): Promise<ReadonlySet<CandidateRow>> {
  if (candidates.length === 0) return new Set();
  const rows = candidates.map(({ row }) => row);
  const same = await tx.query<{ place: number }>(
    `select c.place::integer
     from unnest($1::uuid[], $2::integer[], $3::text[], $4::integer[]) with ordinality as c(run_id, ordinal, status, attempt, place)
     join mlops.tasks t on t.run_id = c.run_id and t.ordinal = c.ordinal and t.status = c.status and t.attempt = c.attempt`,
    [
      rows.map((row) => row.run_id),
      rows.map((row) => row.ordinal),
      rows.map((row) => row.status),
      rows.map((row) => row.attempt),
    ],
  );
  const current = new Set(same.map(({ place }) => place - 1));
  return new Set(rows.filter((_, index) => !current.has(index)));
}

/** Writes leases on those that still are ready or waiting. */
async function start(
  tx: Queryable,
  scopeId: number,
  worker: WorkerIdentity,
  leaseSeconds: number,
  chosen: readonly CandidateRow[],
  taken: readonly number[],
  runs: ReadonlyMap<string, LockedRun>,
  begin: (runId: string) => void,
  moved: (moves: readonly TaskMove[]) => Promise<void>,
): Promise<readonly Lease[]> {
  if (chosen.length === 0) return [];
  const rows = await tx.query<StartRow>(START, [
    scopeId,
    worker.workerId,
    worker.node,
    leaseSeconds,
    chosen.map((row) => row.run_id),
    chosen.map((row) => row.ordinal),
    chosen.map((row) => row.attempt),
    devicesFor(chosen, worker, taken).map((devices) => `{${devices.join(',')}}`),
  ]);
  for (const runId of new Set(rows.map((row) => row.run_id))) if (runs.get(runId)?.status === 'queued') begin(runId);
  await moved(
    rows.map((row): TaskMove => {
      const { run_id: runId, ordinal, name: task, attempt } = row;
      return { runId, ordinal, task, from: 'ready', to: 'running', attempt, error: null, parent: null };
    }),
  );
  return rows.map((row) => ({
    runId: row.run_id,
    task: row.name,
    attempt: row.attempt,
    pipeline: runs.get(row.run_id)?.pipeline ?? '',
    failures: row.failures,
    recoveries: row.recoveries,
    waitedSeconds: row.waited_seconds,
    deadlineInMs: row.deadline_in_ms,
    gpus: row.gpus,
    ordinal: row.ordinal,
    item: row.name.endsWith(']') ? row.item : undefined,
  }));
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
    shares: row.shared,
  };
}

/** The lowest numbers that are free on the machine. */
function devicesFor(
  chosen: readonly CandidateRow[],
  worker: WorkerIdentity,
  taken: readonly number[],
): readonly (readonly number[])[] {
  const free = Array.from({ length: worker.capacity.gpu }, (_, device) => device).filter(
    (device) => !taken.includes(device),
  );
  return chosen.map((row) => free.splice(0, row.gpu));
}

/** A waiting task that waits for something else than before: no move, but people want to know. */
async function waitForOther(
  tx: Queryable,
  waiting: readonly { readonly row: CandidateRow; readonly index: number }[],
  reasons: ReadonlyMap<number, string>,
): Promise<void> {
  if (waiting.length === 0) return;
  await tx.query(
    `update mlops.tasks t set waiting_for = c.waiting_for
     from unnest($1::uuid[], $2::integer[], $3::text[]) as c(run_id, ordinal, waiting_for)
     where t.run_id = c.run_id and t.ordinal = c.ordinal and t.status = 'waiting'`,
    [
      waiting.map(({ row }) => row.run_id),
      waiting.map(({ row }) => row.ordinal),
      waiting.map(({ index }) => reasons.get(index) ?? null),
    ],
  );
}
