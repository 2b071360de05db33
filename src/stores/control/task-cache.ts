/** Results of tasks that later runs may take over, and which did. */
import type { JsonObject } from '../../lib/json.ts';

export interface Reuse {
  readonly runId: string;
  readonly task: string;
  readonly attempt: number;
}

/** As a lease: the attempt. */
type AttemptRef = Reuse;

export interface KeptResult extends Reuse {
  readonly outputs: JsonObject;
  readonly endedAt: Date;
}

export interface TaskCacheStore {
  /** Results under the key that ended within the time, the newest first. Only of attempts that succeeded. */
  find(key: string, ttlMs: number): Promise<readonly KeptResult[]>;
  /** The attempt takes over that result. */
  noteReuse(attempt: AttemptRef, from: Reuse): Promise<void>;
  /** What the attempt gives counts under the key once it has succeeded. */
  keep(attempt: AttemptRef, key: string): Promise<void>;
}
