/** Fires schedules, takes over what dead workers left, ends what waits too long. Any number may run: the store arbitrates. */
import { MlopsError } from '../lib/error.ts';
import { pause } from '../lib/pause.ts';
import type { AttemptEnd, ExpiredLease, OpenWork, RunStore } from '../stores/control/runs.ts';
import { specTask } from './items.ts';
import { isAlive, signalGroup } from './machine.ts';
import { retryVerdict } from './retry.ts';
import { runRules } from './rules.ts';
import { removeAttempt } from './runners/attempt-directory.ts';
import type { ScheduleTicker } from './schedules.ts';

export interface SchedulerOptions {
  readonly runs: RunStore;
  readonly node: string;
  readonly workdir: string;
  readonly schedules: ScheduleTicker;
  /** Further parts of each round. */
  readonly parts?: readonly ((signal: AbortSignal, open: OpenWork) => Promise<unknown>)[];
  readonly random: () => number;
  /** What it did, for those who watch. */
  readonly watch?: SchedulerWatch | undefined;
  readonly report: (message: string, error?: unknown) => void;
}

export interface SchedulerWatch {
  /** A round begins; what is answered is called at its end. */
  begin(): () => void;
  failed(): void;
  /** The lease of an attempt ended without a word: it has crashed. */
  recovered(pipeline: string, operator: string, end: AttemptEnd): void;
}

export interface Scheduler {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** From the end of a round to the next. */
export const POLL_MS = 1000;
const LOOK_AT_WORKERS_MS = 5000;
/** What cannot be looked at may be there. */
const ANYTHING: OpenWork = { runs: true, events: true, backfills: true };

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { runs, report } = options;
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;

  async function work(): Promise<void> {
    const { signal } = stopping;
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const end = options.watch?.begin();
      if (performance.now() - lookedAt >= LOOK_AT_WORKERS_MS) {
        await attempted(forgetDeadWorkers);
        lookedAt = performance.now();
      }
      const open = (await attempted(() => runs.openWork())) ?? ANYTHING;
      if (open.runs) {
        await attempted(recoverExpired);
        await attempted(() => runs.endOverdue(runRules));
        await attempted(() => runs.releaseHeld());
      }
      await attempted(() => options.schedules.tick());
      for (const part of options.parts ?? []) await attempted(() => part(signal, open));
      end?.();
      await pause(POLL_MS, signal);
    }
  }

  /** What goes wrong with one part of a round keeps back no other. */
  async function attempted<T>(part: () => Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      if (stopping.signal.aborted) return undefined;
      options.watch?.failed();
      report('the scheduler cannot do its round; it tries again', error);
      return undefined;
    }
  }

  async function recoverExpired(): Promise<void> {
    for (const lease of await runs.expiredLeases()) await attempted(() => recover(lease));
  }

  /** Workers of this machine whose process is gone need not be waited for until their leases end. */
  async function forgetDeadWorkers(): Promise<void> {
    for (const worker of await runs.workersOn(options.node)) {
      if (!isAlive(worker.pid, worker.pidStartedAt)) await runs.forgetWorker(worker.workerId);
    }
  }

  async function recover(lease: ExpiredLease): Promise<void> {
    if (lease.node === options.node) {
      // The worker may be gone without its program being: two of a task must not run.
      if (lease.pid !== null && lease.pidStartedAt !== null && isAlive(lease.pid, lease.pidStartedAt))
        signalGroup(lease.pid, 'SIGKILL');
      await removeAttempt(options.workdir, lease).catch((error: unknown) =>
        report(`what task ${lease.task} of run ${lease.runId} left cannot be removed`, error),
      );
    }
    const run = await runs.definition(lease.runId);
    const end = { status: 'crashed' as const, exitCode: null };
    const task = run === undefined ? undefined : specTask(run.spec, lease.task);
    const verdict = retryVerdict(task?.retry, lease, end, lease.deadlineInMs, options.random);
    const crash: AttemptEnd = {
      ...end,
      runId: lease.runId,
      task: lease.task,
      attempt: lease.attempt,
      error: 'its worker is gone: the lease ended without a word',
      outputs: null,
      data: {},
      usage: null,
      ...verdict,
    };
    if (await runs.giveUp(crash, runRules))
      options.watch?.recovered(lease.pipeline, task?.operator ?? 'unknown', crash);
  }

  return {
    start: async () => {
      if (loop !== undefined) return;
      await options.schedules.begin();
      loop = work();
    },
    stop: async () => {
      stopping.abort(new MlopsError('AP106', { detail: 'The scheduler stops.' }));
      await loop;
    },
  };
}
