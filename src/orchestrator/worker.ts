/**
 * Takes tasks and runs them. Claims in batches whenever something may have changed and at least once a second; ends of
 * attempts are recorded in batches by run. Everything that it knows can be lost: what counts is in the store.
 */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../lib/error.ts';
import { pause } from '../lib/pause.ts';
import type { AdoptedLease } from '../stores/control/external-work.ts';
import type {
  Admission,
  Candidate,
  Lease,
  LeaseKeeper,
  LeaseRef,
  Room,
  WorkerIdentity,
} from '../stores/control/runs.ts';
import { admit } from './admission.ts';
import type { StopReason } from './attempt-stopped.ts';
import { createAttendant } from './attend.ts';
import { createEnds, type Successor } from './ends.ts';
import { HeldAttempt, type HeldAttemptParts } from './held-attempt.ts';
import { processStartedAt } from './machine.ts';
import { runRules } from './rules.ts';
import { createTaskLog } from './task-log.ts';
import { createProgressTeller } from './task-progress.ts';
import { createWakeup } from './waiting.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface Worker {
  /** Takes tasks from now on. */
  start(): Promise<void>;
  /** Takes no more and waits for those in hand, at most until the signal aborts. */
  drain(signal?: AbortSignal): Promise<void>;
  /** Ends those in hand; they go back to the queue at once. */
  stop(): Promise<void>;
}

const POLL_MS = 1000;
/** Hints come in crowds. After a claim that found nothing the next one waits this long: the crowd is then answered by one. */
const EMPTY_CLAIM_PAUSE_MS = 3;
const ADOPT_EVERY_MS = 1000;
/** Half of the tasks end in the store while the other half runs; fewer are not worth it. */
const SMALLEST_HALF = 64;

export function createWorker(options: WorkerOptions): Worker {
  const { runs, report, kubernetes } = options;
  const killGraceMs = options.killGraceMs ?? 10_000;
  const maxTasks = options.maxTasks ?? 32;
  const active = new Map<string, HeldAttempt>();
  const wakeup = createWakeup();
  const admitted = (candidates: readonly Candidate[], room: Room): Admission => admit(candidates, room, options.limits);
  const stopping = new AbortController();
  const ends = createEnds({
    runs,
    rules: runRules,
    successor,
    largestStep: Math.max(SMALLEST_HALF, Math.ceil(maxTasks / 2)),
    stopping: stopping.signal,
  });
  let identity: WorkerIdentity | undefined;
  let keeper: LeaseKeeper | undefined;
  let loop: Promise<void> | undefined;
  let draining = false;
  /** Slots that somebody is asking the store for tasks for. */
  let asked = 0;
  let adoptAt = 0;
  let lookForCancelled = false;
  let unsubscribe = (): void => {};
  const attend = createAttendant({ worker: options, ends, keeper: () => keeper, killGraceMs, over });
  const parts: HeldAttemptParts = {
    openLog: (held) => {
      const { lease, workerId } = held;
      return createTaskLog({
        append: (chunks, position) =>
          held.outside ? runs.appendExternalLog(lease, workerId, chunks, position) : runs.appendLog(lease, chunks),
        pause: (milliseconds) => pause(milliseconds, held.signal),
        begun: 'job' in lease ? { chunks: lease.logChunks, characters: lease.logCharacters } : undefined,
      });
    },
    openProgress: (held) =>
      createProgressTeller({
        record: (told) => runs.recordProgress(held.lease, told),
        log: (line) => held.log.write('out', `${line}\n`),
      }),
  };

  async function start(): Promise<void> {
    if (loop !== undefined) return;
    await openKeeper();
    kubernetes?.start();
    unsubscribe = options.hints.subscribe((hint) => {
      if (hint.kind === 'cancel') lookForCancelled = true;
      if (hint.kind === 'work' || hint.kind === 'cancel') wakeup.wake();
    });
    loop = work();
  }

  async function openKeeper(): Promise<void> {
    const next: WorkerIdentity = {
      workerId: randomUUID(),
      node: options.node,
      pid: process.pid,
      pidStartedAt: processStartedAt(process.pid) ?? 'unknown',
      capacity: options.capacity,
    };
    keeper = await runs.keepLeases(next);
    keeper.onLost((lease) => {
      options.watch?.lost();
      stopAttempt(lease, 'lost');
    });
    identity = next;
  }

  async function work(): Promise<void> {
    const { signal } = stopping;
    let lookedAt = performance.now();
    let hinted = false;
    while (!signal.aborted) {
      let waitMs = POLL_MS;
      try {
        if (keeper?.ended() === true) await openKeeper();
        if (!draining) await adoptSome();
        if (!draining && slots() > 0 && (hinted || active.size > 0 || (await runs.openWork()).runs))
          waitMs = await claimSome(waitMs);
        if (active.size > 0 && (lookForCancelled || performance.now() - lookedAt >= POLL_MS)) {
          lookForCancelled = false;
          lookedAt = performance.now();
          await noticeCancelled();
        }
      } catch (error) {
        if (!signal.aborted) report('the worker cannot reach the control store; it tries again', error);
      }
      hinted = await wakeup.wait(waitMs, signal);
    }
  }

  /** Programs in a cluster take none, up to as many as the environment wants at once. */
  function slots(): number {
    const outside = [...active.values()].filter((attempt) => attempt.outside).length;
    return maxTasks - active.size - asked + Math.min(outside, kubernetes?.parallelism ?? 0);
  }

  /** What workers before this one left running in the cluster. */
  async function adoptSome(): Promise<void> {
    if (kubernetes === undefined || identity === undefined || performance.now() < adoptAt) return;
    adoptAt = performance.now() + ADOPT_EVERY_MS;
    const room = maxTasks + kubernetes.parallelism - active.size;
    if (room > 0) for (const lease of await runs.adopt(identity, room)) begin(lease);
  }

  /** How long until something is due. */
  async function claimSome(waitMs: number): Promise<number> {
    if (identity === undefined) return waitMs;
    const free = slots();
    asked += free;
    const { leases, nextDueMs } = await runs.claim(identity, free, admitted, runRules).finally(() => {
      asked -= free;
    });
    for (const lease of leases) begin(lease);
    if (leases.length === 0) await pause(EMPTY_CLAIM_PAUSE_MS, stopping.signal);
    return nextDueMs === null ? waitMs : Math.min(waitMs, Math.max(1, Math.ceil(nextDueMs)));
  }

  /** What ends makes room; what is free beside comes along. */
  function successor(ending: number): Successor | undefined {
    if (identity === undefined || draining || keeper?.ended() !== false) return undefined;
    const free = Math.max(0, slots());
    asked += free;
    return {
      worker: identity,
      slots: ending + free,
      take: (leases) => {
        asked -= free;
        for (const lease of leases) begin(lease);
      },
    };
  }

  async function noticeCancelled(): Promise<void> {
    if (identity === undefined) return;
    for (const lease of await runs.cancelledLeases(identity.workerId)) stopAttempt(lease, 'cancelled');
  }

  function stopAttempt(lease: LeaseRef, reason: StopReason): void {
    active.get(keyOf(lease))?.stop(reason);
  }

  function begin(lease: Lease | AdoptedLease): void {
    const held = new HeldAttempt(lease, identity?.workerId ?? '', parts);
    keeper?.track(lease, null);
    active.set(keyOf(lease), held);
    if (stopping.signal.aborted) held.stop('stopped');
    held.done = attend(held);
  }

  function over(held: HeldAttempt, look: boolean): void {
    active.delete(keyOf(held.lease));
    keeper?.untrack(held.lease);
    if (look) wakeup.wake();
  }

  async function drain(signal?: AbortSignal): Promise<void> {
    draining = true;
    // What runs outside goes on without this worker; the next one sees it to its end.
    for (const { lease, outside } of active.values()) if (outside) stopAttempt(lease, 'stopped');
    const done = idle();
    if (signal === undefined) return done;
    await Promise.race([
      done,
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
  }

  /** What is begun meanwhile is waited for, too. */
  async function idle(): Promise<void> {
    while (active.size > 0) await Promise.all([...active.values()].map((attempt) => attempt.done));
  }

  async function stop(): Promise<void> {
    draining = true;
    stopping.abort(new MlopsError('AP106', { detail: 'The worker stops.' }));
    unsubscribe();
    await loop;
    for (const { lease } of active.values()) stopAttempt(lease, 'stopped');
    await idle();
    await kubernetes?.close();
    await keeper?.stop();
    keeper = undefined;
  }

  return { start, drain, stop };
}

function keyOf(lease: LeaseRef): string {
  return `${lease.runId} ${lease.task} ${lease.attempt}`;
}
