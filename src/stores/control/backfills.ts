/**
 * Backfills: instants of a pipeline in a range, run with a concurrency and an order of their own. One scope. Every method that
 * changes something is one transaction; what a process that died left is gone on with by the next.
 */
import type { JsonObject } from '../../lib/json.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type { RunStatus } from './run-states.ts';
import type { NewRun, RunRules } from './runs.ts';

export const REPROCESS = ['none', 'failed', 'all'] as const;
/** Which instants that have a run already are run again: none, those whose last run did not succeed, all. */
export type Reprocess = (typeof REPROCESS)[number];

export const BACKFILL_STATUSES = ['running', 'succeeded', 'failed', 'cancelled'] as const;
/** failed: it is through, and a run of it did not succeed. */
export type BackfillStatus = (typeof BACKFILL_STATUSES)[number];

export interface BackfillPlan {
  readonly pipeline: string;
  /** As it is when the backfill is made: all of its runs are alike. */
  readonly spec: CanonicalPipeline;
  readonly params: JsonObject;
  readonly gitCommit: string | null;
  readonly from: Date;
  readonly to: Date;
  /** Runs at once. */
  readonly concurrency: number;
  readonly backwards: boolean;
  readonly reprocess: Reprocess;
}

export interface NewBackfill extends BackfillPlan {
  readonly backfillId: string;
  readonly who: string;
  readonly idempotencyKey: string | null;
  /** In the order in which they are run. */
  readonly instants: readonly Date[];
}

export interface BackfillSummary extends Omit<BackfillPlan, 'spec'> {
  readonly backfillId: string;
  readonly status: BackfillStatus;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly cancelledBy: string | null;
  readonly finishedAt: Date | null;
  /** Instants by what became of them. */
  readonly counts: {
    readonly pending: number;
    readonly running: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly skipped: number;
    readonly cancelled: number;
  };
}

export interface BackfillInstant {
  readonly instant: Date;
  /** Until it has a run: pending, skipped or cancelled; then as its run. */
  readonly status: 'pending' | 'skipped' | RunStatus;
  /** Why it is skipped. */
  readonly why: string | null;
  readonly runId: string | null;
}

export interface BackfillRecord extends BackfillSummary {
  readonly instants: readonly BackfillInstant[];
}

/** The newest run of an instant. */
export interface Standing {
  readonly runId: string;
  readonly status: RunStatus;
}

/** Whether an instant is run, by the newest run that it has; undefined: it has none. Pure. */
export type Decide = (standing: Standing | undefined) => { readonly run: boolean; readonly why: string | null };

export interface BackfillStore {
  /** Where a backfill has the idempotency key already, that one. */
  create(backfill: NewBackfill): Promise<BackfillRecord>;
  get(backfillId: string): Promise<BackfillRecord | undefined>;
  /** Newest first. */
  list(filter: {
    readonly pipeline?: string | undefined;
    readonly limit: number;
    readonly cursor?: string | undefined;
  }): Promise<{ readonly items: readonly BackfillSummary[]; readonly nextCursor: string | null }>;
  /** Starts no more and cancels what runs. One that ended is left as it is. Undefined: there is none. */
  cancel(backfillId: string, who: string, rules: RunRules): Promise<BackfillRecord | undefined>;
  /** The newest runs of these instants, by `instant.toISOString()`, and the store's time. */
  standings(
    pipeline: string,
    instants: readonly Date[],
  ): Promise<{ readonly now: Date; readonly runs: ReadonlyMap<string, Standing> }>;
  /** Those that go on. */
  open(): Promise<readonly (BackfillPlan & { readonly backfillId: string; readonly who: string })[]>;
  /**
   * Starts runs up to the concurrency, in order, each instant decided as it stands now; ends the backfill with its last run.
   * Nothing where another process is at it. Answers the runs that it started.
   */
  step(
    backfillId: string,
    decide: Decide,
    runOf: (instant: Date) => NewRun,
    rules: RunRules,
  ): Promise<readonly string[]>;
}
