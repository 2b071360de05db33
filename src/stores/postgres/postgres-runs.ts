/** The orchestrator's store in Postgres: reads here, changes in runs/. */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type { RunStatus, TaskStatus } from '../control/run-states.ts';
import type {
  NewRun,
  OpenWork,
  RunCause,
  RunDefinition,
  RunFilter,
  RunHint,
  RunRecord,
  RunStore,
  RunSummary,
  TaskProgress,
  TaskRecord,
} from '../control/runs.ts';
import { createBatcher } from './batcher.ts';
import { type Database, sqlState } from './database.ts';
import { readCursor, UUID, writeCursor } from './run-cursor.ts';
import { claim } from './runs/claims.ts';
import { readEvents } from './runs/events.ts';
import { externalWork } from './runs/external-work.ts';
import { goOn } from './runs/go-on.ts';
import { keepLeases } from './runs/lease-keeper.ts';
import { cancelledLeases, endAttempts, endOverdue, expiredLeases, LEASE_SECONDS } from './runs/leases.ts';
import { cancelRun, insertRun, retryRun } from './runs/lifecycle.ts';
import { logCandidates, pruneHistory } from './runs/log-search.ts';
import { appendLogs, type LogPart, readLog, readProgress, recordProgress } from './runs/logs.ts';
import { advanceSchedule, fire, releaseHeld, scheduleCursor, touchSchedules } from './runs/schedules.ts';
import { sharesInUse } from './runs/shares.ts';
import { sqlFile } from './sql-file.ts';

const GET = sqlFile('runs-get');
const LIST = sqlFile('runs-list');
const TASKS = sqlFile('runs-tasks');
const OPEN_WORK = sqlFile('open-work');

const DEFINITIONS_KEPT = 16;
const UNIQUE_VIOLATION = '23505';

type SummaryRow = {
  run_id: string;
  pipeline: string;
  params: JsonObject;
  cause: RunCause;
  status: RunStatus;
  cancelled_by: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
};
type RunRow = SummaryRow & { spec: CanonicalPipeline; git_commit: string | null };
type TaskRow = {
  name: string;
  operator: string;
  needs: number[];
  status: TaskStatus;
  attempt: number;
  exit_code: number | null;
  error: string | null;
  outputs: JsonObject | null;
  progress: (TaskProgress & { readonly attempt: number }) | null;
  waiting_for: string | null;
  items: number | null;
  items_open: number;
  items_failed: number;
  cpu_seconds: number | null;
  peak_memory_bytes: number | null;
  wall_seconds: number | null;
  from_run: string | null;
  from_task: string | null;
  from_attempt: number | null;
  started_at: Date | null;
  finished_at: Date | null;
};

export interface PostgresRunsOptions {
  /** Of the same database: the leases are kept on a connection of their own. */
  readonly connectionString: string;
  /**
   * How long a worker may be silent before its tasks are taken over. Default 30. What shortens it makes recovery quicker, and an
   * absence of the store cost the tasks that run.
   */
  readonly leaseSeconds?: number;
}

export function createPostgresRuns(db: Database, scopeId: number, options: PostgresRunsOptions): RunStore {
  const leaseSeconds = options.leaseSeconds ?? LEASE_SECONDS;
  const logs = createBatcher<LogPart>(
    ({ lease }) => `${lease.runId} ${lease.task} ${lease.attempt}`,
    (parts) => appendLogs(db, scopeId, parts),
  );

  /** Of runs that were made here last. */
  const definitions = new Map<string, RunDefinition>();

  async function get(runId: string): Promise<RunRecord | undefined> {
    if (!UUID.test(runId)) return undefined;
    return db.transaction(
      async (tx) => {
        const [row] = await tx.query<RunRow>(GET, [scopeId, runId]);
        if (row === undefined) return undefined;
        const tasks = await tx.query<TaskRow>(TASKS, [runId, null, false, null, null]);
        return {
          ...summaryOf(row),
          spec: row.spec,
          gitCommit: row.git_commit,
          tasks: tasks.map((task) => taskOf(task, tasks)),
        };
      },
      { readOnly: true },
    );
  }

  async function summary(runId: string): Promise<RunSummary | undefined> {
    if (!UUID.test(runId)) return undefined;
    const [row] = await db.query<SummaryRow>(
      `select run_id, pipeline, params, cause, status, cancelled_by, created_at, started_at, finished_at
       from mlops.runs where scope_id = $1 and run_id = $2`,
      [scopeId, runId],
    );
    return row === undefined ? undefined : summaryOf(row);
  }

  /** Without its tasks: they may be many. */
  async function existing(runId: string): Promise<RunSummary> {
    const run = await summary(runId);
    if (run === undefined) throw new MlopsError('PL202', { detail: `Run ${runId} is gone.`, status: 404 });
    return run;
  }

  /** Large ones take a while to be read back. */
  function keepDefinition({ runId, spec, params, cause, gitCommit }: NewRun, createdAt: Date): void {
    definitions.set(runId, { spec, params, cause, gitCommit, createdAt });
    const oldest = definitions.size > DEFINITIONS_KEPT ? definitions.keys().next().value : undefined;
    if (oldest !== undefined) definitions.delete(oldest);
  }

  async function list(filter: RunFilter): Promise<{ items: readonly RunSummary[]; nextCursor: string | null }> {
    const after = filter.cursor === undefined ? undefined : readCursor(filter.cursor);
    const rows = await db.query<SummaryRow & { position: string }>(LIST, [
      scopeId,
      filter.pipeline ?? null,
      filter.status ?? null,
      after?.position ?? null,
      after?.runId ?? null,
      filter.limit + 1,
    ]);
    const items = rows.slice(0, filter.limit);
    const last = items.at(-1);
    return {
      items: items.map(summaryOf),
      nextCursor: rows.length > filter.limit && last !== undefined ? writeCursor(last.position, last.run_id) : null,
    };
  }

  async function onHint(listener: (hint: RunHint) => void): Promise<() => Promise<void>> {
    const own = String(scopeId);
    return db.listen('mlops_runs', (payload) => {
      if (payload === '') return listener({ runId: null, kind: 'cancel' });
      const [scope, runId, kind] = payload.split(' ');
      if (scope === own) listener({ runId: runId ?? null, kind: hintKind(kind) });
    });
  }

  return {
    ...externalWork(db, scopeId, leaseSeconds),
    create: async (run, rules) => {
      const created = await db.transaction((tx) => insertRun(tx, scopeId, run, { schedule: null, held: false }, rules));
      if (created) {
        const made = await existing(run.runId);
        keepDefinition(run, made.createdAt);
        return { run: made, created };
      }
      const [other] = await db.query<{ run_id: string }>(
        'select run_id from mlops.runs where scope_id = $1 and idempotency_key = $2',
        [scopeId, run.idempotencyKey],
      );
      return { run: await existing(other?.run_id ?? run.runId), created };
    },
    get,
    definition: async (runId) => {
      const known = definitions.get(runId);
      if (known !== undefined) return known;
      if (!UUID.test(runId)) return undefined;
      const [row] = await db.query<RunRow>(GET, [scopeId, runId]);
      if (row === undefined) return undefined;
      const { spec, params, cause } = row;
      return { spec, params, cause, gitCommit: row.git_commit, createdAt: row.created_at };
    },
    summary,
    progress: async (runId) => (UUID.test(runId) ? readProgress(db, scopeId, runId) : new Map()),
    task: async (runId, task) => {
      if (!UUID.test(runId)) return undefined;
      const [row] = await db.query<{ status: TaskStatus; attempt: number; run_status: RunStatus }>(
        `select t.status, t.attempt, r.status as run_status
         from mlops.tasks t join mlops.runs r on r.run_id = t.run_id
         where t.scope_id = $1 and t.run_id = $2 and t.name = $3`,
        [scopeId, runId, task],
      );
      return row === undefined ? undefined : { status: row.status, attempt: row.attempt, runStatus: row.run_status };
    },
    list,
    outputs: async (runId, tasks) => {
      if (tasks.length === 0) return {};
      const rows = await db.query<{ name: string; outputs: JsonObject | null }>(
        `select name, outputs from mlops.tasks where scope_id = $1 and run_id = $2 and name = any($3) and status = 'succeeded'`,
        [scopeId, runId, tasks],
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.outputs ?? {}]));
    },
    cancel: async (runId, who, rules) => {
      if (!UUID.test(runId)) return undefined;
      const found = await db.transaction((tx) => cancelRun(tx, scopeId, runId, who, rules));
      return found ? get(runId) : undefined;
    },
    retry: async (runId, who, rules) => {
      if (!UUID.test(runId)) return undefined;
      try {
        return (await retryRun(db, scopeId, runId, who, rules)) ? await get(runId) : undefined;
      } catch (error) {
        if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
        throw new MlopsError('PL204', {
          detail: `Another run of the instant of run ${runId} is under way; there is one at a time.`,
          hint: 'wait for it, or cancel it first',
          status: 409,
          cause: error,
        });
      }
    },
    events: async (runId, after, limit) => (UUID.test(runId) ? readEvents(db, scopeId, runId, after, limit) : []),
    keepLeases: (worker) =>
      keepLeases({
        connectionString: options.connectionString,
        scopeId,
        worker,
        leaseSeconds,
      }),
    claim: (worker, slots, admit, rules) => claim(db, scopeId, worker, leaseSeconds, slots, admit, rules),
    recordProcess: async (lease, process) => {
      const rows = await db.query(
        `update mlops.task_attempts a set pid = $4, pid_started_at = $5
         from mlops.tasks t
         where a.run_id = $1 and t.run_id = a.run_id and t.ordinal = a.ordinal and t.name = $2 and a.attempt = $3 and a.ended_at is null
         returning a.attempt`,
        [lease.runId, lease.task, lease.attempt, process.pid, process.pidStartedAt],
      );
      return rows.length > 0;
    },
    end: (ends, rules) => endAttempts(db, scopeId, ends, rules, false),
    goOn: (ends, next) => goOn(db, scopeId, leaseSeconds, ends, next),
    sharesInUse: () => sharesInUse(db, scopeId, true),
    items: async (runId, task, { failed = false, after, limit }) => {
      if (!UUID.test(runId) || (await db.query(GET, [scopeId, runId])).length === 0) return [];
      const rows = await db.query<TaskRow>(TASKS, [runId, task, failed, after ?? null, limit]);
      return rows.map((row) => taskOf(row, []));
    },
    cancelledLeases: (workerId) => cancelledLeases(db, workerId),
    expiredLeases: () => expiredLeases(db, scopeId),
    giveUp: async (end, rules) => (await endAttempts(db, scopeId, [end], rules, true))[0] === true,
    workersOn: async (node) => {
      type Row = {
        worker_id: string;
        pid: number;
        pid_started_at: string;
        cpu: number;
        memory_bytes: number;
        gpu: number;
      };
      const rows = await db.query<Row>('select * from mlops.workers where scope_id = $1 and node = $2', [
        scopeId,
        node,
      ]);
      return rows.map((row) => ({
        workerId: row.worker_id,
        node,
        pid: row.pid,
        pidStartedAt: row.pid_started_at,
        capacity: { cpu: row.cpu, memoryBytes: Number(row.memory_bytes), gpu: row.gpu },
      }));
    },
    forgetWorker: async (workerId) => {
      await db.transaction(async (tx) => {
        await tx.query('delete from mlops.workers where worker_id = $1 and scope_id = $2', [workerId, scopeId]);
        await tx.query(
          'update mlops.task_attempts set lease_until = clock_timestamp() where worker_id = $1 and scope_id = $2 and ended_at is null',
          [workerId, scopeId],
        );
      });
    },
    endOverdue: (rules) => endOverdue(db, scopeId, rules),
    appendLog: (lease, chunks) => logs.add({ lease, chunks }),
    recordProgress: (lease, progress) => recordProgress(db, scopeId, lease, progress),
    readLog: async (runId, task, attempt, after, limit) =>
      UUID.test(runId) ? readLog(db, scopeId, runId, task, attempt, after, limit) : undefined,
    logCandidates: (request) => logCandidates(db, scopeId, request),
    pruneHistory: (what, olderThanMs, limit) => pruneHistory(db, scopeId, what, olderThanMs, limit),
    schedule: (name, digest) => scheduleCursor(db, scopeId, name, digest),
    advanceSchedule: (name, cursor) => advanceSchedule(db, scopeId, name, cursor),
    touchSchedules: (names) => touchSchedules(db, scopeId, names),
    fire: async (schedule, run, rules) => {
      const outcome = await fire(db, scopeId, schedule, run, rules);
      return outcome === 'created' ? existing(run.runId) : outcome;
    },
    releaseHeld: () => releaseHeld(db, scopeId),
    openWork: async () => {
      const [open] = await db.prepared<OpenWork & Record<string, unknown>>('open-work', OPEN_WORK, [scopeId]);
      return open!;
    },
    onHint,
  };
}

function hintKind(text: string | undefined): RunHint['kind'] {
  return text === 'log' || text === 'work' || text === 'cancel' ? text : 'state';
}

function summaryOf(row: SummaryRow): RunSummary {
  return {
    runId: row.run_id,
    pipeline: row.pipeline,
    status: row.status,
    cause: row.cause,
    params: row.params,
    cancelledBy: row.cancelled_by,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

function taskOf(row: TaskRow, tasks: readonly TaskRow[]): TaskRecord {
  return {
    name: row.name,
    operator: row.operator,
    needs: row.needs.map((ordinal) => tasks[ordinal]?.name ?? ''),
    status: row.status,
    attempt: row.attempt,
    exitCode: row.exit_code,
    error: row.error,
    outputs: row.outputs,
    progress: progressOf(row),
    waitingFor: row.status === 'waiting' ? row.waiting_for : null,
    items: row.items === null ? null : { total: row.items, open: row.items_open, failed: row.items_failed },
    reused:
      row.from_run === null ? null : { runId: row.from_run, task: row.from_task ?? '', attempt: row.from_attempt ?? 0 },
    usage:
      row.wall_seconds === null
        ? null
        : { cpuSeconds: row.cpu_seconds, peakMemoryBytes: row.peak_memory_bytes, wallSeconds: row.wall_seconds },
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** What an attempt before told is no word of this one. */
function progressOf({ progress, status, attempt }: TaskRow): TaskProgress | null {
  if (progress === null || status !== 'running' || progress.attempt !== attempt) return null;
  const { what, done, total, etaSeconds } = progress;
  return { what, done, total, etaSeconds };
}
