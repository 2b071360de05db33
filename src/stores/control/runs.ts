/**
 * Runs, their tasks and attempts, leases, events, logs and schedules' instants: what the orchestrator must never lose.
 * One scope. Time is the store's clock alone. Every method that changes something is one transaction.
 */
import type { JsonObject } from '../../lib/json.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type { AttemptUsage } from './attempt-usage.ts';
import type { ExternalWorkStore } from './external-work.ts';
import type { Demand, Lease, LeaseRef, LogChunk, WorkerIdentity } from './leases.ts';
import type { Shares } from './limits.ts';
import type { RunCause } from './run-cause.ts';
import type { Admission, Candidate, Room, RunRules, SharesInUse, Trigger } from './run-decisions.ts';
import type { LogCandidates, LogCandidatesRequest, StoredLogChunk } from './run-logs.ts';
import type { RunStatus, TaskStatus } from './run-states.ts';
import type { AttemptEnd, ExpiredLease, GoneOn, LeaseKeeper } from './run-work.ts';
import type { Reuse } from './task-cache.ts';

export type * from './run-cause.ts';
export type * from './run-decisions.ts';
export type * from './run-logs.ts';
export type * from './run-work.ts';
export type { Demand, Lease, LeaseRef, LogChunk, WorkerIdentity };

export interface NewTask extends Demand {
  readonly name: string;
  readonly operator: string;
  readonly trigger: Trigger;
  readonly when: string | null;
  /** Positions of the tasks before it, each once. */
  readonly needs: readonly number[];
  readonly priority: number;
  /** From the moment the task first may run. */
  readonly deadlineMs: number | null;
  /** Null: it shares nothing. */
  readonly shares: Shares | null;
}

export interface NewRun {
  readonly runId: string;
  readonly pipeline: string;
  /** The pipeline as it is now: a later apply does not change a run that exists. */
  readonly spec: CanonicalPipeline;
  readonly params: JsonObject;
  readonly cause: RunCause;
  readonly gitCommit: string | null;
  readonly idempotencyKey: string | null;
  readonly tasks: readonly NewTask[];
}

/** How far the attempt of a task is that runs. */
export interface TaskProgress {
  /** For people: `patient_labs@2: writing 300,000 of 1,000,000 rows`. */
  readonly what: string;
  readonly done: number;
  /** Null where it is not known. */
  readonly total: number | null;
  /** Whole seconds to the end of what it is at; null where that cannot be told. */
  readonly etaSeconds: number | null;
}

export interface TaskRecord {
  readonly name: string;
  readonly operator: string;
  readonly needs: readonly string[];
  readonly status: TaskStatus;
  /** The last attempt's number, from 1; 0 before the first. */
  readonly attempt: number;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly outputs: JsonObject | null;
  /** While it runs, and where its operator tells. */
  readonly progress: TaskProgress | null;
  /** Of a task that is ready and cannot run yet, for people. */
  readonly waitingFor: string | null;
  /** Of a task that runs for each item of a list, once that is known. */
  readonly items: ItemCounts | null;
  /** What the last attempt took, once it ended. */
  readonly usage: AttemptUsage | null;
  /** The attempt whose result its last one took over. */
  readonly reused: Reuse | null;
  /** Start of the first attempt. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** Each is a task of its own, named TASK[INDEX]. */
export interface ItemCounts {
  readonly total: number;
  /** Not at their end. */
  readonly open: number;
  readonly failed: number;
}

export interface TaskState {
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly runStatus: RunStatus;
}

export interface RunSummary {
  readonly runId: string;
  readonly pipeline: string;
  readonly status: RunStatus;
  readonly cause: RunCause;
  readonly params: JsonObject;
  /** Set once somebody asked to cancel it. */
  readonly cancelledBy: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export interface RunRecord extends RunSummary {
  readonly spec: CanonicalPipeline;
  readonly gitCommit: string | null;
  /** In the order of the pipeline. */
  readonly tasks: readonly TaskRecord[];
}

/** What of a run never changes. */
export type RunDefinition = Pick<RunRecord, 'spec' | 'params' | 'cause' | 'gitCommit' | 'createdAt'>;

export interface RunFilter {
  readonly pipeline?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly limit: number;
  /** Opaque, from the answer before. */
  readonly cursor?: string | undefined;
}

export interface RunEvent {
  /** From 1 within a run, in the order in which the changes were committed, without gaps. */
  readonly seq: number;
  readonly at: Date;
  /** Null: the run itself. */
  readonly task: string | null;
  readonly status: TaskStatus | RunStatus;
  readonly attempt: number | null;
  readonly error: string | null;
  readonly data: JsonObject;
}

export interface ScheduleCursor {
  /** Instants up to here are dealt with. */
  readonly cursor: Date;
  /** When a scheduler last looked. */
  readonly checkedAt: Date;
  readonly now: Date;
}

/**
 * A hint that something may have changed; a null run means any. Poll behind it. `work`: there may be something to claim,
 * too. `cancel`: and attempts that are to be ended.
 */
export interface RunHint {
  readonly runId: string | null;
  readonly kind: 'state' | 'work' | 'cancel' | 'log';
}

/** What there may be to do for schedulers and workers. */
export interface OpenWork {
  /** A run under way, an attempt without its end, a task that waits for something outside. */
  readonly runs: boolean;
  /** An event that waits to start a run. */
  readonly events: boolean;
  /** A backfill under way. */
  readonly backfills: boolean;
}

export interface RunStore extends ExternalWorkStore {
  /**
   * The run with its first tasks settled. Where a run has the idempotency key already, that run, and `created` is false.
   */
  create(run: NewRun, rules: RunRules): Promise<{ readonly run: RunSummary; readonly created: boolean }>;
  get(runId: string): Promise<RunRecord | undefined>;
  definition(runId: string): Promise<RunDefinition | undefined>;
  /** Without its tasks: what is asked again and again of a large run. */
  summary(runId: string): Promise<RunSummary | undefined>;
  /** How far those of its tasks are that run and tell. */
  progress(runId: string): Promise<ReadonlyMap<string, TaskProgress>>;
  /** One of its tasks. */
  task(runId: string, task: string): Promise<TaskState | undefined>;
  /** Newest first. */
  list(filter: RunFilter): Promise<{ readonly items: readonly RunSummary[]; readonly nextCursor: string | null }>;
  /** Outputs of the tasks named that succeeded. */
  outputs(runId: string, tasks: readonly string[]): Promise<Readonly<Record<string, JsonObject>>>;
  /**
   * Nothing of it starts any more; what waits is cancelled at once, what runs when its worker has ended it. One audit entry.
   * Undefined: no such run. A run at its end is left as it is.
   */
  cancel(runId: string, who: string, rules: RunRules): Promise<RunRecord | undefined>;
  /**
   * What failed or was cancelled, and what that held up, once more; what succeeded stays. One audit entry. Undefined: no such run.
   * PL204 where the run is not at its end or succeeded.
   */
  retry(runId: string, who: string, rules: RunRules): Promise<RunRecord | undefined>;
  /** After `after`, at most `limit`. */
  events(runId: string, after: number, limit: number): Promise<readonly RunEvent[]>;

  /** Makes the worker known and renews it and its leases until stopped. */
  keepLeases(worker: WorkerIdentity): Promise<LeaseKeeper>;
  /**
   * Leases on tasks that `admit` chooses among those that may run, and the shortest time until a retry is due.
   * No two calls get the same task; what live leases hold is summed up under a lock on the machine.
   */
  claim(
    worker: WorkerIdentity,
    slots: number,
    admit: (candidates: readonly Candidate[], room: Room) => Admission,
    rules: RunRules,
  ): Promise<{ readonly leases: readonly Lease[]; readonly nextDueMs: number | null }>;
  /** The intent to let the process run. False: the lease is lost, do not. */
  recordProcess(lease: LeaseRef, process: { readonly pid: number; readonly pidStartedAt: string }): Promise<boolean>;
  /** Tasks that run, or wait, and share something: of each kind once. */
  sharesInUse(): Promise<readonly (SharesInUse & { readonly state: 'running' | 'waiting' })[]>;
  /** The tasks of a task's items, in order, after `after`, at most `limit`; with `failed` those that failed alone. */
  items(
    runId: string,
    task: string,
    filter: { readonly failed?: boolean | undefined; readonly after?: number | undefined; readonly limit: number },
  ): Promise<readonly TaskRecord[]>;
  /** Ends attempts and settles what comes after. False for each whose lease was lost: nothing changed. */
  end(ends: readonly AttemptEnd[], rules: RunRules): Promise<readonly boolean[]>;
  /**
   * As `end`, and in the same transaction leases on tasks that this made ready, at most `slots`: on those that ask for no room and share
   * nothing, and only where nobody else waits for a turn: then `claim` would give the same. For attempts of one run, their positions
   * named, that succeeded and have nothing to tell but outputs and how long they took. Undefined, and nothing changed: there is more to
   * decide, `end` them.
   */
  goOn(
    ends: readonly AttemptEnd[],
    next: { readonly worker: WorkerIdentity; readonly slots: number },
  ): Promise<GoneOn | undefined>;
  /** Leases of the worker whose run is being cancelled. */
  cancelledLeases(workerId: string): Promise<readonly LeaseRef[]>;
  /** Leases that ended without an outcome. */
  expiredLeases(): Promise<readonly ExpiredLease[]>;
  /** As `end`, where the lease still is expired. */
  giveUp(end: AttemptEnd, rules: RunRules): Promise<boolean>;
  /** Workers of the machine that hold leases. */
  workersOn(node: string): Promise<readonly WorkerIdentity[]>;
  /** The worker's process is known to be gone: its leases end now. */
  forgetWorker(workerId: string): Promise<void>;
  /** Ends tasks that wait beyond their deadline, or longer for room than they may. Answers how many. */
  endOverdue(rules: RunRules): Promise<number>;

  /** Kept under the attempt. Chunks count up from 1. */
  appendLog(lease: LeaseRef, chunks: readonly LogChunk[]): Promise<void>;
  /** How far the attempt is; the newest word counts, and none of an attempt whose lease was lost. */
  recordProgress(lease: LeaseRef, progress: TaskProgress): Promise<void>;
  /** After `after`; `ended` once the attempt is over and no more comes. Undefined: no such task or attempt. */
  readLog(
    runId: string,
    task: string,
    attempt: number,
    after: number,
    limit: number,
  ): Promise<{ readonly chunks: readonly StoredLogChunk[]; readonly ended: boolean } | undefined>;
  /** Which logs of a pipeline's runs may hold a text, the newest runs first; `timeout` where that takes too long for so many runs. */
  logCandidates(request: LogCandidatesRequest): Promise<LogCandidates | 'timeout'>;
  /**
   * Removes the logs, or the events, of runs that were made so long ago and are at their end, of at most `limit` runs that were
   * not looked at before. Answers how many those are.
   */
  pruneHistory(what: 'logs' | 'events', olderThanMs: number, limit: number): Promise<number>;

  /** Where a schedule stands; begins now where it is new or its pattern (`digest`) is another. */
  schedule(name: string, digest: string): Promise<ScheduleCursor>;
  /** The scheduler looked, and instants up to `cursor` are dealt with. */
  advanceSchedule(name: string, cursor: Date): Promise<void>;
  /**
   * A scheduler looks after these. Others that nobody looked after for a minute are forgotten: another scheduler may know of
   * an apply before this one does. Answers the store's time.
   */
  touchSchedules(names: readonly string[]): Promise<Date>;
  /**
   * One instant, once: undefined where it was fired before. With `skip` an instant is skipped while a run of the schedule is
   * under way, with `queue` its run waits for that, with `cancel` that is cancelled first. `open`: the pipeline's breaker let it not start.
   */
  fire(
    schedule: { readonly name: string; readonly instant: Date; readonly overlap: 'queue' | 'skip' | 'cancel' },
    run: NewRun,
    rules: RunRules,
  ): Promise<RunSummary | 'skipped' | 'open' | undefined>;
  /** Lets queued runs go whose forerunner is done. */
  releaseHeld(): Promise<void>;

  /** A cheap look: what it denies is not there, what it affirms may be. */
  openWork(): Promise<OpenWork>;

  /** Returns the function that ends it. */
  onHint(listener: (hint: RunHint) => void): Promise<() => Promise<void>>;
}
