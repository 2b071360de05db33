/** Circuit breakers of pipelines: after so many runs that failed in a row nothing starts the pipeline by itself for a while. */
import type { JsonObject } from '../../lib/json.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';

/** half_open: the pause is over, and one run may try. */
export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerStanding {
  readonly pipeline: string;
  readonly state: BreakerState;
  /** Runs that failed since the last one that succeeded, and how many open it. */
  readonly failures: number;
  readonly allowed: number;
  readonly openedAt: Date | null;
  /** End of the pause. */
  readonly until: Date | null;
  /** The run that tries, while it is under way. */
  readonly probeRun: string | null;
  /** Runs that did not start: since it opened, and ever. */
  readonly skipped: number;
  readonly skippedTotal: number;
}

export interface PipelineEvent {
  readonly id: number;
  readonly at: Date;
  readonly pipeline: string;
  readonly kind: 'breaker_opened' | 'breaker_probe' | 'breaker_closed' | 'breaker_reset' | 'run_skipped';
  readonly detail: JsonObject;
}

export interface BreakerStore {
  /** Of the pipelines that have a breaker, as it stands by the store's clock. */
  standings(pipelines: readonly CanonicalPipeline[]): Promise<readonly BreakerStanding[]>;
  /** Closes it and begins to count anew. One audit entry, one event. False: it was closed, without failures. */
  reset(pipeline: string, who: string): Promise<boolean>;
  /** Newest first. */
  events(pipeline: string, limit: number): Promise<readonly PipelineEvent[]>;
}
