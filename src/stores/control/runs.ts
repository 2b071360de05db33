/**
 * Runs, their tasks and attempts, leases, events, logs and schedules' instants: what the orchestrator must never lose.
 * One scope. Time is the store's clock alone. Every method that changes something is one transaction.
 */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type { AttemptUsage } from './attempt-usage.ts';
import type { ExternalWorkStore } from './external-work.ts';
import type { Demand, Lease, LeaseRef, LogChunk, WorkerIdentity } from './leases.ts';
import type { Shares } from './limits.ts';
import type { AttemptStatus, RunStatus, TaskStatus } from './run-states.ts';
import type { Reuse } from './task-cache.ts';

export type { Demand, Lease, LeaseRef, LogChunk, WorkerIdentity };

/** What happened, where that started a run. */
export type TriggerEventKind = 'materialized' | 'promoted' | 'pipeline' | 'sensor' | 'webhook';

/** Why there is a run. */
export interface RunCause {
  readonly kind: 'manual' | 'api' | 'schedule' | 'backfill' | 'pipeline_task' | TriggerEventKind;
  readonly who: string | null;
  /** `pipeline.NAME` or `feature_set.NAME`, of a scheduled run. */
  readonly schedule: string | null;
  /** The instant of the schedule, ISO 8601 UTC. */
  readonly instant: string | null;
  /** W3C trace context of whoever started it over HTTP. */
  readonly traceparent?: string | undefined;
  /** Of a run of a backfill: its id. */
  readonly backfill?: string | undefined;
  /** Of a run that an event started. */
  readonly event?: CauseEvent | undefined;
  /** Of a run that a task started: which, and how many such runs are above it. */
  readonly parent?: { readonly runId: string; readonly task: string; readonly depth: number } | undefined;
}

export type CauseEvent = {
  /** Null of a webhook: the run is made with its event. */
  readonly id: number | null;
  /** `feature_set.NAME`, `model.NAME`, `pipeline.NAME`; what was looked at; the webhook's name. */
  readonly subject: string;
  /** ISO 8601 UTC; null of a webhook, whose run was made then. */
  readonly at: string | null;
  /** By its kind: the version, the run that ended, the files. */
  readonly detail: JsonObject;
  /** How many events it stands for, itself included. */
  readonly events: number;
};

export type Trigger = 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';

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

// ---- decisions, which the orchestrator takes and the store writes in the same transaction ----

export interface PendingTask {
  readonly name: string;
  readonly trigger: Trigger;
  readonly when: string | null;
  readonly needs: {
    readonly total: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly skipped: number;
  };
}

export interface RunFacts {
  readonly runId: string;
  readonly pipeline: string;
  readonly params: JsonObject;
  readonly cause: RunCause;
  /** By task; loaded where a task has `when`. */
  readonly outputs: Readonly<Record<string, JsonObject>>;
}

export type Settlement =
  | { readonly to: 'pending' | 'ready' | 'skipped' | 'upstream_failed' }
  | { readonly to: 'failed'; readonly error: string };

export interface EndedTask {
  readonly status: TaskStatus;
  readonly trigger: Trigger;
  /** Positions of the tasks after it. */
  readonly dependents: readonly number[];
}

/** Pure functions. */
export interface RunRules {
  /**
   * What becomes of a pending task, by its upstream tasks' ends. Not asked where all of them succeeded, there is no `when` and
   * the trigger is one that waits for all of them: then it is ready.
   */
  settle(task: PendingTask, run: RunFacts): Settlement;
  /** How a run ended, all its tasks being at their ends. Not asked where it was cancelled, nor where none of them failed: then it succeeded. */
  result(tasks: readonly EndedTask[]): 'succeeded' | 'failed';
}

export interface Candidate extends Demand {
  readonly runId: string;
  readonly task: string;
  readonly priority: number;
  /** Since it first could run. */
  readonly waitedSeconds: number;
  readonly shares?: Shares | null;
}

export interface Admission {
  /** Indices into the candidates. */
  readonly admit: readonly number[];
  readonly refuse: readonly { readonly index: number; readonly error: string }[];
  /** What each of the others waits for, for people. */
  readonly wait: readonly { readonly index: number; readonly for: string }[];
}

export interface Room {
  /** What this machine has, less what live leases on it hold. */
  readonly free: Demand;
  /** All that this machine has. */
  readonly machine: Demand;
  /** Likewise each machine that a live worker is on, this one among them. */
  readonly machines: readonly Demand[];
  /** How many more tasks the worker takes. */
  readonly slots: number;
  /** What live leases on any machine hold of what is shared, of each kind once. */
  readonly inUse?: readonly SharesInUse[];
}

// ---- work ----

export interface ExpiredLease extends Omit<Lease, 'gpus' | 'item' | 'waitedSeconds'> {
  readonly node: string;
  readonly pid: number | null;
  readonly pidStartedAt: string | null;
}

export interface AttemptEnd extends LeaseRef {
  readonly status: AttemptStatus;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly outputs: JsonObject | null;
  readonly data: JsonObject;
  /** Null where nobody is there to tell. */
  readonly usage: AttemptUsage | null;
  /** Try again after so long; null: it was the last attempt. */
  readonly retryInMs: number | null;
  readonly counts: 'failure' | 'recovery' | 'nothing';
  /** Of a task that runs for each item of a list and succeeded in finding them. */
  readonly fanOut?: FanOut | undefined;
  /** The task's position, where its lease named it. */
  readonly ordinal?: number | undefined;
}

/** What the ends of tasks of one run brought with them. */
export interface GoneOn {
  /** For each end, whether its lease was still held. */
  readonly held: readonly boolean[];
  /** On tasks that were made ready. */
  readonly leases: readonly Lease[];
  /** Something waits for a turn. */
  readonly more: boolean;
}

/** Tasks that take the same shares. */
export interface SharesInUse {
  readonly shares: Shares;
  readonly tasks: number;
  /** Of all of them together. */
  readonly demand: Demand;
}

/** The items of a task: it goes on running until their tasks have ended. */
export interface FanOut extends Demand {
  readonly priority: number;
  readonly deadlineMs: number | null;
  readonly shares: Shares | null;
  /** In order. `skip`: its condition is false. */
  readonly items: readonly { readonly item: JsonValue; readonly skip: boolean }[];
}

/** A part of a log as it is kept. */
export interface StoredLogChunk extends LogChunk {
  /** When it came in. */
  readonly at: Date;
}

export interface LogPlace {
  readonly runId: string;
  readonly task: string;
  readonly attempt: number;
}

export interface LogCandidatesRequest {
  readonly pipeline: string;
  /** What one line holds; with `foldsCase` it is lower case and so is what it is compared with. */
  readonly text: { readonly needle: string; readonly foldsCase: boolean } | null;
  /** A regular expression, any case; counts where no text is asked for. Null with a null text: no attempt is named. */
  readonly pattern: string | null;
  /** Runs made before are not looked at. */
  readonly since: Date | null;
  /** Opaque, from the answer before. */
  readonly cursor: string | null;
  /** How many runs to look at. */
  readonly runs: number;
  /** Null: as long as it takes. */
  readonly withinMs: number | null;
}

export interface LogCandidates {
  /** How many runs were looked at. */
  readonly runs: number;
  /** Attempts whose log may hold it: newest runs first, then in the order of the pipeline. */
  readonly places: readonly LogPlace[];
  /** Of the last run that was looked at: when it was made, and its id. */
  readonly oldest: Date | null;
  readonly lastRun: string | null;
  /** Null: there are no more. */
  readonly nextCursor: string | null;
}

/** Renews a worker's leases from a thread of its own, on a connection of its own: a busy event loop loses none. */
export interface LeaseKeeper {
  /** Begins to watch over the process group of an attempt. */
  track(lease: LeaseRef, processGroup: number | null): void;
  untrack(lease: LeaseRef): void;
  /** Called for each tracked lease that was lost, after its process group was killed by the thread. */
  onLost(listener: (lease: LeaseRef) => void): void;
  /** True once it renews nothing any more: what is claimed then needs another. */
  ended(): boolean;
  stop(): Promise<void>;
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

  /** Returns the function that ends it. */
  onHint(listener: (hint: RunHint) => void): Promise<() => Promise<void>>;
}
