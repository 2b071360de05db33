/** Attempts at work: what is recorded of their ends, what that brings with it, and who keeps their leases. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { AttemptUsage } from './attempt-usage.ts';
import type { Demand, Lease, LeaseRef } from './leases.ts';
import type { Shares } from './limits.ts';
import type { AttemptStatus } from './run-states.ts';

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

/** The items of a task: it goes on running until their tasks have ended. */
export interface FanOut extends Demand {
  readonly priority: number;
  readonly deadlineMs: number | null;
  readonly shares: Shares | null;
  /** In order. `skip`: its condition is false. */
  readonly items: readonly { readonly item: JsonValue; readonly skip: boolean }[];
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
