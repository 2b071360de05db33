/** Whether an attempt that did not succeed is tried again, and after how long. Pure: randomness comes in. */
import { durationMs } from '../lib/units.ts';
import type { Retry } from '../spec/schema-types.ts';
import type { AttemptStatus } from '../stores/control/run-states.ts';

/** Crashes are not the task's fault and do not use up its `limit`; but a task that takes its worker down each time must stop. */
export const MAX_RECOVERIES = 3;

const DEFAULTS = { initial: '1s', factor: 2, cap: '5m', jitter: true } as const;

export interface SpentBudget {
  readonly failures: number;
  readonly recoveries: number;
}

export interface Verdict {
  readonly retryInMs: number | null;
  readonly counts: 'failure' | 'recovery' | 'nothing';
}

/** Of a service that was busy, where the task does not say. */
const BUSY_LIMIT = 3;

/** `random` answers a number in [0, 1). */
export function retryVerdict(
  policy: Retry | undefined,
  spent: SpentBudget,
  end: {
    readonly status: AttemptStatus;
    readonly exitCode: number | null;
    readonly busy?: { readonly afterMs: number } | undefined;
  },
  deadlineInMs: number | null,
  random: () => number,
): Verdict {
  if (end.status === 'succeeded' || end.status === 'cancelled') return { retryInMs: null, counts: 'nothing' };
  const counts = end.status === 'crashed' ? 'recovery' : 'failure';
  const nth = 1 + (counts === 'recovery' ? spent.recoveries : spent.failures);
  const budget = counts === 'recovery' ? MAX_RECOVERIES : (policy?.limit ?? (end.busy === undefined ? 0 : BUSY_LIMIT));
  if (nth > budget || !isAmong(policy?.on, end)) return { retryInMs: null, counts };
  const delay = Math.max(retryDelayMs(policy?.backoff, nth, random), end.busy?.afterMs ?? 0);
  // An attempt that could only begin after the deadline is none.
  if (deadlineInMs !== null && delay >= deadlineInMs) return { retryInMs: null, counts };
  return { retryInMs: delay, counts };
}

/** min(cap, initial·factor^(n−1)) for the nth retry; with full jitter a random part of it. */
export function retryDelayMs(backoff: Retry['backoff'], nth: number, random: () => number): number {
  const initial = durationMs(backoff?.initial ?? DEFAULTS.initial);
  const cap = durationMs(backoff?.cap ?? DEFAULTS.cap);
  const delay = Math.min(cap, initial * (backoff?.factor ?? DEFAULTS.factor) ** (nth - 1));
  return (backoff?.jitter ?? DEFAULTS.jitter) ? delay * random() : delay;
}

function isAmong(on: Retry['on'], end: { readonly status: AttemptStatus; readonly exitCode: number | null }): boolean {
  if (on === undefined) return true;
  return on.some((item) => item === end.status || (end.exitCode !== null && item === end.exitCode));
}
