/** Answers kept under a client's Idempotency-Key. One scope; a key belongs to its caller; answers are kept for a day. */

export type Claim =
  /** The caller works on it now, and ends with `keep` or `abandon`. */
  | { readonly state: 'claimed' }
  | { readonly state: 'in_progress' }
  /** The key stands for a request with another digest. */
  | { readonly state: 'other_request' }
  | { readonly state: 'answered'; readonly status: number; readonly body: string };

export interface IdempotencyStore {
  /** Atomic: of several at once one claims. A claim that was neither kept nor abandoned within a minute can be claimed again. */
  claim(request: { readonly key: string; readonly caller: string; readonly requestDigest: string }): Promise<Claim>;
  keep(answer: {
    readonly key: string;
    readonly caller: string;
    readonly status: number;
    readonly body: string;
  }): Promise<void>;
  abandon(request: { readonly key: string; readonly caller: string }): Promise<void>;
}
