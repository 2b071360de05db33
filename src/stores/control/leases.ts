/** Who works on what: workers, their leases on attempts, and what attempts print. */
import type { JsonValue } from '../../lib/json.ts';

export interface Demand {
  /** Cores. */
  readonly cpu: number;
  readonly memoryBytes: number;
  /** Whole devices. */
  readonly gpu: number;
}

/** A worker as it is known to the others. */
export interface WorkerIdentity {
  readonly workerId: string;
  /** The machine (host, boot and process namespace): what is shared by workers on one machine. */
  readonly node: string;
  readonly pid: number;
  /** Tells a process from a later one of the same number. */
  readonly pidStartedAt: string;
  readonly capacity: Demand;
}

export interface LeaseRef {
  readonly runId: string;
  readonly task: string;
  /** Guards every write: once another attempt began or this one was given up, nothing of this one changes anything. */
  readonly attempt: number;
}

export interface Lease extends LeaseRef {
  readonly pipeline: string;
  /** Attempts since the run was last started that ended by the task's own fault. */
  readonly failures: number;
  /** Likewise attempts that crashed. */
  readonly recoveries: number;
  /** From the moment when it could run to its start; null: it was taken over. */
  readonly waitedSeconds: number | null;
  /** Left of the task's deadline; null: none. */
  readonly deadlineInMs: number | null;
  /** Numbers of the devices that are its own while it runs, from 0. */
  readonly gpus: readonly number[];
  /** Of one item's task. */
  readonly item: JsonValue | undefined;
  /** The task's position, by which the store finds it soonest. */
  readonly ordinal?: number | undefined;
}

export interface LogChunk {
  readonly seq: number;
  readonly stream: 'out' | 'err' | 'system';
  readonly text: string;
}
