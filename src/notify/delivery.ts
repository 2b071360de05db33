/** One notification on its way to one receiver. */
import type { NotificationKind, NotificationMessage } from '../stores/control/notifications.ts';

export interface Delivery {
  /** The same in every attempt: a receiver that has it already can tell. */
  readonly id: string;
  readonly kind: NotificationKind | 'test';
  /** When it came to be. */
  readonly at: Date;
  readonly project: string;
  readonly environment: string;
  readonly subject: string | null;
  readonly runId: string | null;
  readonly message: NotificationMessage;
}

/** Resolves once the receiver took it. What it throws is a DeliveryFailure, else it is tried again. */
export type Deliver = (delivery: Delivery, signal: AbortSignal) => Promise<void>;

/** Why the receiver did not take it. Holds no secret. */
export class DeliveryFailure extends Error {
  override readonly name = 'DeliveryFailure';
  /** False: trying again is of no use. */
  readonly retryable: boolean;
  /** What the receiver asked for. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { readonly retryable: boolean; readonly retryAfterMs?: number | undefined }) {
    super(message);
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
