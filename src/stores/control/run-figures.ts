/** How runs and machines stand, in a few numbers: what a monitoring system asks for every few seconds, so it costs the same however long the history is. */
import type { Demand } from './leases.ts';
import type { RunStatus } from './run-states.ts';

export interface RunFiguresNow {
  /** Runs that are not at their end. */
  readonly runs: Readonly<Record<Extract<RunStatus, 'queued' | 'running'>, number>>;
  /** Tasks of them that are not at their end either. `deferred` wait for something outside and hold nothing. */
  readonly tasks: Readonly<Record<'pending' | 'ready' | 'waiting' | 'running' | 'retrying' | 'deferred', number>>;
  /** How long the task has waited that waits longest of those that could run; null: none waits. */
  readonly oldestWaitSeconds: number | null;
  /** Those that live workers are on. */
  readonly machines: readonly MachineFigures[];
  readonly pipelines: readonly PipelineFigures[];
}

export interface MachineFigures {
  readonly node: string;
  readonly workers: number;
  readonly has: Demand;
  /** The sum over live leases. */
  readonly used: Demand;
  readonly tasks: number;
}

/** Of its newest hundred runs. */
export interface PipelineFigures {
  readonly pipeline: string;
  readonly succeededAt: Date | null;
  readonly failedAt: Date | null;
}

export interface RunFiguresStore {
  /** Fails where it takes longer than `withinMs`. */
  read(pipelines: readonly string[], withinMs: number): Promise<RunFiguresNow>;
}
