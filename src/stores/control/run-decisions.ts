/** Decisions about runs, which the orchestrator takes and the store writes in the same transaction. */
import type { JsonObject } from '../../lib/json.ts';
import type { Demand } from './leases.ts';
import type { Shares } from './limits.ts';
import type { RunCause } from './run-cause.ts';
import type { TaskStatus } from './run-states.ts';

export type Trigger = 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';

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

/** Tasks that take the same shares. */
export interface SharesInUse {
  readonly shares: Shares;
  readonly tasks: number;
  /** Of all of them together. */
  readonly demand: Demand;
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
