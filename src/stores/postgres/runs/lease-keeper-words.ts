/** What the lease keeper's two ends say to each other. */
import type { LeaseRef } from '../../control/runs.ts';

export type ToKeeper =
  /** `untrack`: keys. */
  | { readonly type: 'change'; readonly track: readonly Tracked[]; readonly untrack: readonly string[] }
  | { readonly type: 'stop' };

export type FromKeeper =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'lost'; readonly lease: LeaseRef };

export interface Tracked {
  readonly lease: LeaseRef;
  readonly processGroup: number | null;
}

export function keyOf(lease: LeaseRef): string {
  return `${lease.runId} ${lease.task} ${lease.attempt}`;
}
