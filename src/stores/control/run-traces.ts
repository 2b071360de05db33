/** Runs as those see them who export what happened: each change of a run's state once, and the run with its attempts. */
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type { AttemptStatus, RunStatus } from './run-states.ts';
import type { RunCause } from './runs.ts';

export interface RunMove {
  readonly runId: string;
  readonly status: RunStatus;
  readonly at: Date;
}

export interface AttemptTrace {
  readonly task: string;
  readonly operator: string;
  readonly attempt: number;
  readonly status: AttemptStatus;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly node: string;
}

export interface RunTrace {
  readonly runId: string;
  readonly pipeline: string;
  readonly status: RunStatus;
  readonly cause: RunCause;
  readonly createdAt: Date;
  /** When it was last started: a run that is tried again is a span of its own each time. */
  readonly begunAt: Date;
  readonly finishedAt: Date | null;
  readonly gitCommit: string | null;
  readonly spec: CanonicalPipeline;
  /** Those that ended and began since then; at most 10,000. */
  readonly attempts: readonly AttemptTrace[];
}

export interface RunTraceStore {
  /** Changes that nobody took before, in order. They are taken for good: what cannot be exported is lost. */
  takeMoves(limit: number): Promise<readonly RunMove[]>;
  trace(runId: string): Promise<RunTrace | undefined>;
}
