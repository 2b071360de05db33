/**
 * Notifications: an outbox that loses and doubles nothing, and what it takes to tell when one is due. One scope. Time is the
 * store's clock alone. Every method that changes something is one transaction.
 */
import type { JsonObject } from '../../lib/json.ts';
import type { NotifyEvent, NotifyRule, PipelineExpect } from '../../spec/schema-types.ts';
import type { RunStatus, TaskStatus } from './run-states.ts';
import type { RunCause } from './runs.ts';

/** What is told, in no channel's own format. Holds no secret. */
export interface NotificationMessage {
  /** One line. */
  readonly title: string;
  /** Plain text, may be of several lines; empty: the title says all. */
  readonly text: string;
  readonly severity: 'info' | 'success' | 'warning' | 'error';
  readonly fields: readonly { readonly name: string; readonly value: string }[];
  /** For programs: what a webhook gets beside the texts. */
  readonly data: JsonObject;
}

/** `message`: of a task or a user's, not of an event. */
export type NotificationKind = NotifyEvent | 'message';

export interface NewNotification {
  /** What it is about, so that it is written once a channel: `late/pipeline.nightly/2026-01-31T02:00:00.000Z`. */
  readonly key: string;
  readonly channel: string;
  readonly kind: NotificationKind;
  /** `pipeline.NAME` or `feature_set.NAME`. */
  readonly subject: string | null;
  readonly runId: string | null;
  readonly message: NotificationMessage;
}

export const NOTIFICATION_STATUSES = ['pending', 'sent', 'dead'] as const;
/** dead: its receiver refused it, or failed too often. */
export type NotificationStatus = (typeof NOTIFICATION_STATUSES)[number];

export interface NotificationRecord extends NewNotification {
  readonly id: string;
  readonly status: NotificationStatus;
  /** How often it was tried. */
  readonly attempts: number;
  readonly lastError: string | null;
  readonly createdAt: Date;
  /** When it is tried next; null once it is sent or dead. */
  readonly nextAt: Date | null;
  readonly sentAt: Date | null;
}

/** Taken by one sender for a while. `attempts` guards what is written of its outcome. */
export type DueNotification = Pick<
  NotificationRecord,
  'id' | 'channel' | 'kind' | 'subject' | 'runId' | 'message' | 'attempts' | 'createdAt'
>;

export type Outcome =
  | { readonly status: 'sent' }
  | { readonly status: 'pending'; readonly error: string; readonly retryInMs: number }
  | { readonly status: 'dead'; readonly error: string };

export interface NotificationFilter {
  readonly status?: NotificationStatus | undefined;
  readonly channel?: string | undefined;
  readonly limit: number;
  /** Opaque, from the answer before. */
  readonly cursor?: string | undefined;
}

/** A run that came to its end, once for each time that it did. */
export interface RunEnd {
  /** Counts up. */
  readonly seq: number;
  readonly at: Date;
  readonly status: Extract<RunStatus, 'succeeded' | 'failed' | 'cancelled'>;
  readonly runId: string;
  readonly pipeline: string;
  readonly cause: RunCause;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  /** Of the pipeline as the run has it; null where it has none. */
  readonly notify: readonly NotifyRule[] | null;
  /** Where its failure opened the pipeline's circuit breaker: after how many in a row, and until when nothing starts by itself. */
  readonly breaker: { readonly failures: number; readonly until: string } | null;
  /** How the pipeline's run before ended, cancelled ones left out; null: there was none. */
  readonly before: 'succeeded' | 'failed' | null;
  /** Of a success: whether what is late of the pipeline, or this run, is there with it. */
  readonly wasLate: boolean;
  /** Of a failed run the first tasks that failed by themselves. */
  readonly problems: readonly { readonly task: string; readonly status: TaskStatus; readonly error: string | null }[];
  /** How many more there are. */
  readonly moreProblems: number;
}

/** What became of an instant of a schedule. */
export interface InstantOutcome {
  readonly instant: Date;
  /** Null: no run was made of it. */
  readonly runId: string | null;
  readonly status: RunStatus | null;
  readonly finishedAt: Date | null;
}

export interface OpenRun {
  readonly runId: string;
  readonly pipeline: string;
  readonly cause: RunCause;
  readonly createdAt: Date;
  readonly notify: readonly NotifyRule[] | null;
  readonly expect: PipelineExpect;
}

/** A pipeline with `expect`. */
export interface ExpectingPipeline {
  readonly name: string;
  /** Names under which its schedules are looked at. */
  readonly schedules: readonly string[];
  /** Of a run that nothing scheduled: how long after its start it is to be done. */
  readonly within: string | null;
}

export interface NotificationStanding {
  readonly pending: readonly { readonly channel: string; readonly count: number; readonly oldestSeconds: number }[];
  /** Each of the pipelines, and whether it is late. */
  readonly pipelines: readonly { readonly name: string; readonly late: boolean }[];
}

export interface NotificationStore {
  /** Those whose key the channel has already are left out. Answers how many were written. */
  add(notifications: readonly NewNotification[]): Promise<number>;
  /** Those that are due, the oldest first; nobody else gets them for `leaseMs`. Answers also when the next one is due. */
  claim(
    limit: number,
    leaseMs: number,
  ): Promise<{ readonly due: readonly DueNotification[]; readonly nextDueMs: number | null }>;
  /** Nothing changes where somebody else took it meanwhile. */
  settle(id: string, attempts: number, outcome: Outcome): Promise<void>;
  get(id: string): Promise<NotificationRecord | undefined>;
  /** Newest first. */
  list(filter: NotificationFilter): Promise<{
    readonly items: readonly NotificationRecord[];
    readonly nextCursor: string | null;
  }>;
  /** Dead ones are tried anew: the one of that id, or all of the channel. Answers how many. */
  revive(which: { readonly id: string } | { readonly channel: string }): Promise<number>;
  /** How many there are, by channel and status. */
  counts(): Promise<
    readonly { readonly channel: string; readonly status: NotificationStatus; readonly count: number }[]
  >;
  /**
   * How many wait to be sent, by channel, for how long the oldest of them has waited, and which of the pipelines are late. Fails where that takes
   * longer than `withinMs`.
   */
  standing(pipelines: readonly ExpectingPipeline[], withinMs: number): Promise<NotificationStanding>;
  /** Forgets those at their end that are older. Answers how many. */
  prune(olderThanMs: number): Promise<number>;

  /**
   * Ends of runs that nobody looked at, in order; what `decide` says is written in the same transaction. One caller at a time:
   * where another is at it, nothing is done. Answers how many ends were looked at.
   */
  takeRunEnds(limit: number, decide: (end: RunEnd) => readonly NewNotification[]): Promise<number>;

  /** Up to when the instants of a schedule were looked at; begins now where that is new or its `digest` another. */
  judgedUntil(schedule: string, digest: string): Promise<{ readonly until: Date; readonly now: Date }>;
  /** Instants up to then are dealt with. */
  judged(schedule: string, until: Date): Promise<void>;
  /** In the order of `instants`. */
  instantOutcomes(schedule: string, instants: readonly Date[]): Promise<readonly InstantOutcome[]>;
  /** Runs that are not of a schedule, are at work, and whose pipeline expects them to be done within a time that is over. */
  overdueRuns(limit: number): Promise<readonly OpenRun[]>;

  /** Remembers how the subject stands. Answers how it stood before (null: it is new), and since when it stands as now. */
  recordState(subject: string, state: string): Promise<{ readonly before: string | null; readonly since: Date }>;
}
