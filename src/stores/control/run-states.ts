/** The states of runs and tasks, and which follows which. What changes a state asks here first. */
import { invariant } from '../../lib/assert.ts';

export const RUN_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export const TASK_STATUSES = [
  'pending',
  'ready',
  'waiting',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'timed_out',
  'crashed',
  'cancelled',
  'skipped',
  'upstream_failed',
] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** How an attempt may end. failed: its own fault. crashed: ours (a lost worker, out of memory). */
export type AttemptStatus = 'succeeded' | 'failed' | 'timed_out' | 'crashed' | 'cancelled';

/**
 *     run:  queued → running → succeeded | failed | cancelled
 *           queued → cancelled           failed | cancelled → running   (somebody retries the run)
 */
const RUN_MOVES: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ['running', 'cancelled'],
  running: ['succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: ['running'],
  cancelled: ['running'],
};

/**
 *     pending ─┬→ ready ─┬→ waiting (for resources) ─┐
 *              │         └───────────────────────────┴→ running ─┬→ succeeded
 *              │           ↑                                     ├→ failed, timed_out, crashed ─→ retrying ─→ ready
 *              │           └── retrying, once its delay is over  └→ cancelled
 *              ├→ skipped (`when` is false, or upstream was skipped)
 *              ├→ upstream_failed
 *              └→ failed (`when` cannot be evaluated)
 *     ready, waiting, retrying → timed_out (its deadline), failed (no machine is large enough)
 *     whatever is not at its end → cancelled
 *     whatever ended, except succeeded → pending (somebody retries the run)
 *     failed, cancelled → running (likewise, of a task with items: those of them that failed run again)
 */
const TASK_MOVES: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  pending: ['ready', 'skipped', 'upstream_failed', 'failed', 'cancelled'],
  ready: ['waiting', 'running', 'timed_out', 'failed', 'cancelled'],
  waiting: ['running', 'timed_out', 'failed', 'cancelled'],
  running: ['succeeded', 'failed', 'timed_out', 'crashed', 'cancelled'],
  retrying: ['ready', 'timed_out', 'cancelled'],
  succeeded: [],
  failed: ['retrying', 'pending', 'running'],
  timed_out: ['retrying', 'pending'],
  crashed: ['retrying', 'pending'],
  cancelled: ['pending', 'running'],
  skipped: ['pending'],
  upstream_failed: ['pending'],
};

const ENDED_TASKS: ReadonlySet<TaskStatus> = new Set([
  'succeeded',
  'failed',
  'timed_out',
  'crashed',
  'cancelled',
  'skipped',
  'upstream_failed',
]);
const ENDED_RUNS: ReadonlySet<RunStatus> = new Set(['succeeded', 'failed', 'cancelled']);

export function isEnded(status: TaskStatus): boolean {
  return ENDED_TASKS.has(status);
}

export function isRunEnded(status: RunStatus): boolean {
  return ENDED_RUNS.has(status);
}

/** What a task's end means to those after it. */
export function outcomeOf(status: TaskStatus): 'succeeded' | 'failed' | 'skipped' | 'open' {
  if (status === 'succeeded' || status === 'skipped') return status;
  return isEnded(status) ? 'failed' : 'open';
}

export function assertTaskMove(from: TaskStatus, to: TaskStatus): void {
  invariant(TASK_MOVES[from].includes(to), `a task cannot go from ${from} to ${to}`);
}

export function assertRunMove(from: RunStatus, to: RunStatus): void {
  invariant(RUN_MOVES[from].includes(to), `a run cannot go from ${from} to ${to}`);
}
