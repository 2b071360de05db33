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
  /**
   * The attempt takes the work under the key in hand, until its task runs it no more: undefined. Where another attempt has it, that
   * one: of any number that ask at once one gets it.
   */
  begin(attempt: AttemptRef, key: string): Promise<Reuse | undefined>;
  /** What the attempt gives does not count under the key: it was taken over. */
  forget(attempt: AttemptRef, key: string): Promise<void>;
  /** The attempt takes over that result. */
  noteReuse(attempt: AttemptRef, from: Reuse): Promise<void>;
  /** What the attempt gives counts under the key once it has succeeded. */
  keep(attempt: AttemptRef, key: string): Promise<void>;
}
