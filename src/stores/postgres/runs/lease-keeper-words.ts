/** What the lease keeper's two ends say to each other. Of thousands of leases at once: a text stands for each. */
import type { LeaseRef } from '../../control/runs.ts';

export type ToKeeper =
  /** Keys of leases; `groups`: those of them that have a process group, or have none any more (null). */
  | {
      readonly type: 'change';
      readonly track: readonly string[];
      readonly groups: readonly (readonly [string, number | null])[];
      readonly untrack: readonly string[];
    }
  | { readonly type: 'stop' };

export type FromKeeper =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'lost'; readonly key: string };

export function keyOf(lease: LeaseRef): string {
  return `${lease.runId} ${lease.task} ${lease.attempt}`;
}

export function leaseOf(key: string): LeaseRef {
  const [first, last] = [key.indexOf(' '), key.lastIndexOf(' ')];
  return { runId: key.slice(0, first), task: key.slice(first + 1, last), attempt: Number(key.slice(last + 1)) };
}
