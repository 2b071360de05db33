/** What an apply tells while it works; views print it. Closed: a view ends its switch in assertNever. */
import type { DiagnosticCode } from '../lib/codes.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Address } from '../spec/address.ts';

export type StepAction = 'create' | 'update' | 'delete';

export type ApplyOutcome = 'succeeded' | 'failed' | 'interrupted';

export type ApplyEvent =
  | { readonly type: 'apply_started'; readonly applyId: string; readonly steps: number }
  | { readonly type: 'step_started'; readonly address: Address; readonly action: StepAction; readonly reason: string }
  | {
      readonly type: 'step_done';
      readonly address: Address;
      readonly action: StepAction;
      readonly outputs: JsonObject;
      readonly elapsedMs: number;
    }
  | {
      readonly type: 'step_failed';
      readonly address: Address;
      readonly action: StepAction;
      readonly code: DiagnosticCode | null;
      readonly message: string;
    }
  | { readonly type: 'step_skipped'; readonly address: Address; readonly because: Address }
  /** The signal aborted: steps in hand are finished, nothing new starts. */
  | { readonly type: 'interrupting'; readonly cause: 'signal' | 'lock_lost' }
  | {
      readonly type: 'apply_ended';
      readonly outcome: ApplyOutcome;
      readonly done: number;
      readonly failed: number;
      readonly skipped: number;
      readonly remaining: number;
    };
