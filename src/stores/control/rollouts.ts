/**
 * Rollouts of endpoints: how each stands, and every decision about it, appended with its numbers. One scope. The store's clock only. A write
 * names the revision that it was decided on: what was decided on an older one changes nothing.
 */
import type { RolloutAnalysis, RolloutStep } from '../../spec/schema-types.ts';

export const ROLLOUT_STATUSES = [
  'running',
  'paused',
  'promoting',
  'promoted',
  'held',
  'rolled_back',
  'aborted',
  'superseded',
] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

/** Which version is rolled out where. Never changes. */
export interface RolloutSubject {
  readonly endpoint: string;
  /** Names of variants. */
  readonly candidate: string;
  readonly baseline: string;
  readonly model: string;
  readonly version: number;
  readonly versionId: string;
  /** When the version came to the stage that the candidate follows; null where the variant names the version. */
  readonly stagedAt: Date | null;
}

/** What it was measured by when it last was: a plan that was edited since is taken over by a decision of its own. */
export interface RolloutPlan {
  readonly steps: readonly RolloutStep[];
  readonly analysis: readonly RolloutAnalysis[];
}

export interface RolloutStanding {
  readonly status: RolloutStatus;
  /** From 0. */
  readonly step: number;
  /** Percent of the baseline's keys that the candidate answers now. */
  readonly share: number;
  readonly stepStartedAt: Date;
  readonly pausedAt: Date | null;
  /** Of the step, before now. */
  readonly pausedMs: number;
  readonly measuredAt: Date | null;
  /** Failed measurements of this step, by check. */
  readonly failures: Readonly<Record<string, number>>;
  /** Why it stands where it stands. */
  readonly reason: string;
  readonly plan: RolloutPlan;
  /** Of the last measurement. */
  readonly checks: readonly RolloutCheck[];
}

export interface RolloutCheck {
  /** `errors atLeast baseline`: names it among those of the rollout. */
  readonly check: string;
  readonly metric: string;
  readonly verdict: 'passed' | 'failed' | 'waiting';
  /** Null where it is not known. */
  readonly observed: number | null;
  readonly baseline: number | null;
  /** What it must be at most, or at least. */
  readonly required: number | null;
  /** Rows that it was measured on. */
  readonly rows: number;
  readonly detail: string;
}

export type RolloutDecisionKind =
  | 'begun'
  | 'advanced'
  /** Measured, and it stays: something failed that was tolerated, or another thing is waited for than before. */
  | 'stayed'
  | 'adapted'
  | 'paused'
  | 'resumed'
  | 'promoting'
  | 'promoted'
  | 'refused'
  | 'held'
  | 'rolled_back'
  | 'aborted'
  | 'superseded';

export interface NewRolloutDecision {
  readonly kind: RolloutDecisionKind;
  readonly reason: string;
  readonly checks: readonly RolloutCheck[];
}

export interface RolloutDecision extends NewRolloutDecision {
  readonly id: number;
  readonly at: Date;
  readonly who: string;
  readonly status: RolloutStatus;
  readonly step: number;
  readonly share: number;
}

export interface Rollout extends RolloutSubject, RolloutStanding {
  readonly id: string;
  /** Counts up with every write. */
  readonly revision: number;
  readonly startedAt: Date;
  readonly startedBy: string;
  /** Null while somebody or something may still move it by itself: running, paused, promoting. */
  readonly endedAt: Date | null;
}

/** What serving must know. */
export interface RolloutTraffic {
  readonly endpoint: string;
  readonly candidate: string;
  readonly version: number;
  readonly share: number;
}

export interface RolloutFilter {
  readonly endpoint?: string | undefined;
  readonly status?: RolloutStatus | undefined;
  readonly limit: number;
  /** Opaque, from the answer before. */
  readonly cursor?: string | undefined;
}

export interface RolloutStore {
  /** For so long no other daemon decides. Undefined: another one does. Answers the store's clock. */
  lead(daemon: string, forMs: number): Promise<Date | undefined>;
  /** Lets another one decide at once. */
  resign(daemon: string): Promise<void>;
  now(): Promise<Date>;
  /**
   * Begins one, with its first decision and an audit entry. `key` tells what made it begin: the same key again begins nothing. What it
   * replaces ends as superseded in the same transaction, where it has not moved since. Undefined: nothing has changed.
   */
  begin(
    subject: RolloutSubject,
    standing: RolloutStanding,
    by: { readonly key: string; readonly who: string; readonly replaces: Pick<Rollout, 'id' | 'revision'> | null },
  ): Promise<Rollout | undefined>;
  /** Writes where it stands, the decision (null: nothing was decided that is worth keeping) and, where its status changes, an audit entry. False: it has moved since. */
  write(
    rollout: Pick<Rollout, 'id' | 'revision'>,
    standing: RolloutStanding,
    decision: NewRolloutDecision | null,
    who: string,
  ): Promise<boolean>;
  /** The newest of each endpoint. */
  newest(): Promise<readonly Rollout[]>;
  newestOf(endpoint: string): Promise<Rollout | undefined>;
  byId(id: string): Promise<Rollout | undefined>;
  /** Newest first. API400 where the cursor is none of ours. */
  list(filter: RolloutFilter): Promise<{ readonly items: readonly Rollout[]; readonly nextCursor: string | null }>;
  /** The oldest first; of a long one the first and the newest. */
  decisions(id: string, limit: number): Promise<readonly RolloutDecision[]>;
  traffic(): Promise<readonly RolloutTraffic[]>;
  /** Calls back after the traffic of an endpoint changed, from any process. A hint only: poll behind it. */
  onChange(listener: () => void): Promise<() => Promise<void>>;
}

/** It goes on by itself, or by somebody's hand. */
export const isActive = (status: RolloutStatus): boolean =>
  status === 'running' || status === 'paused' || status === 'promoting';
