/** Tasks that wait for something outside and hold nothing meanwhile. One scope; time is the store's clock alone. */
import type { LeaseRef } from './runs.ts';

export interface Deferral {
  /** For people: `a run of daily`. */
  readonly what: string;
  /** How often somebody looks. */
  readonly everyMs: number;
  /** A run whose end is waited for: it is noticed without a look. */
  readonly childRun: string | null;
  /** Work that another attempt has in hand (see task-cache.ts): its end is noticed without a look. Default: none. */
  readonly cacheKey?: string;
}

export interface DeferralStore {
  /** Gives the attempt back, as if it had never been; the task waits. False where its lease was lost or its run is being cancelled. */
  defer(lease: LeaseRef, deferral: Deferral): Promise<boolean>;
  /** Those that it is time to look at, at most `limit`: nobody else gets them before the next time. */
  due(limit: number): Promise<readonly LeaseRef[]>;
  /** It runs as soon as there is room. Nothing changes where it does not wait any more. */
  resume(task: LeaseRef): Promise<void>;
  /** Whether this attempt runs because what it waited for is there. */
  hasWaited(lease: LeaseRef): Promise<boolean>;
  /** Lets go what waited for runs that ended, and for work that nobody has in hand any more. Answers how many. */
  resumeEnded(): Promise<number>;
  /** Runs under way that a task started which ended without them: cancelled, timed out. */
  orphans(): Promise<readonly string[]>;
}
