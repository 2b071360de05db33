/**
 * What an apply tells while it works; views print it. Closed: a view ends its switch in assertNever. With `--json` these
 * are the lines that scripts read: members are added, never changed.
 */
import type { DiagnosticCode } from '../lib/codes.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Address } from '../spec/address.ts';
import type { Progress } from './pace.ts';

export type StepAction = 'create' | 'update' | 'delete';

export type ApplyOutcome = 'succeeded' | 'failed' | 'interrupted';

/** The lock is another's; the wait ends when it is given back, its lease ends, or the time is up. Told again when the holder changes. */
export interface LockWait {
  readonly type: 'waiting_for_lock';
  readonly lockId: string;
  readonly who: string;
  readonly operation: string;
  readonly heldSeconds: number;
  /** ISO 8601, by the database's clock. */
  readonly leaseEndsAt: string;
  /** The wait gives up after so many seconds more. */
  readonly timeoutSeconds: number;
}

export type ApplyEvent =
  | LockWait
  | { readonly type: 'apply_started'; readonly applyId: string; readonly steps: number }
  | ({
      readonly type: 'step_started';
      readonly address: Address;
      readonly action: StepAction;
      readonly reason: string;
    } & Progress)
  | ({
      readonly type: 'step_done';
      readonly address: Address;
      readonly action: StepAction;
      /** Where it was recorded before this apply renamed it; absent where it did not. */
      readonly previousAddress?: Address;
      /** Whether more than its name changed. Told with `previousAddress`. */
      readonly edited?: boolean;
      readonly outputs: JsonObject;
      readonly elapsedMs: number;
    } & Progress)
  | ({
      readonly type: 'step_failed';
      readonly address: Address;
      readonly action: StepAction;
      readonly code: DiagnosticCode | null;
      readonly message: string;
    } & Progress)
  | ({ readonly type: 'step_skipped'; readonly address: Address; readonly because: Address } & Progress)
  /** Steps in hand are finished, nothing new starts. */
  | { readonly type: 'interrupting'; readonly cause: 'signal' | 'lock_lost' | 'journal' }
  /** Everything is recorded, but the lock could not be given back: it ends by itself with its lease. */
  | { readonly type: 'lock_left'; readonly lockId: string }
  /** Counts of changes, which a replace has two steps of. */
  | {
      readonly type: 'apply_ended';
      readonly outcome: ApplyOutcome;
      readonly done: number;
      readonly failed: number;
      readonly skipped: number;
      readonly remaining: number;
    };
