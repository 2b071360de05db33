/**
 * Takes tasks and runs them. Claims in batches whenever something may have changed and at least once a second; ends of
 * attempts are recorded in batches by run. Everything that it knows can be lost: what counts is in the store.
 */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../lib/error.ts';
import type { Deferral, DeferralStore } from '../stores/control/deferrals.ts';
import type { AdoptedLease } from '../stores/control/external-work.ts';
import type { Limits } from '../stores/control/limits.ts';
import type { RunArtifact, RunArtifactStore } from '../stores/control/run-artifacts.ts';
import type {
  Admission,
  AttemptEnd,
  Candidate,
  Demand,
  Lease,
  LeaseKeeper,
  LeaseRef,
  Room,
  RunDefinition,
  RunStore,
  WorkerIdentity,
} from '../stores/control/runs.ts';
import { admit } from './admission.ts';
import { runAttempt } from './attempt.ts';
import { AttemptStopped, type StopReason } from './attempt-stopped.ts';
import { createEnds } from './ends.ts';
import { inCluster } from './in-cluster.ts';
import { specTask } from './items.ts';
import { processStartedAt } from './machine.ts';
import type { OperatorContext } from './operators/operator.ts';
import { runOperator } from './operators/operators.ts';
import { runRules } from './rules.ts';
import type { KubernetesRunner } from './runners/kubernetes/kubernetes-runner.ts';
import type { OperatorServices } from './services.ts';
import type { TaskCache } from './task-cache.ts';
import { createTaskLog } from './task-log.ts';
import { createProgressTeller } from './task-progress.ts';
import { createWakeup, type Hints, patiently, pause } from './waiting.ts';

export interface WorkerOptions {
  readonly runs: RunStore;
  readonly services: OperatorServices;
  readonly deferrals: DeferralStore;
  readonly runArtifacts: RunArtifactStore;
  readonly newestRun: OperatorContext['newestRun'];
  readonly children: OperatorContext['children'];
  /** Default: the operators of this program. */
  readonly runOperator?: typeof runOperator | undefined;
  readonly artifactFile: (digest: string) => Promise<string>;
  readonly cache?: TaskCache | undefined;
  readonly hints: Hints;
  readonly node: string;
  readonly capacity: Demand;
  /** Of what tasks share beyond machines. Default: none. */
  readonly limits?: Limits | undefined;
  readonly workdir: string;
  readonly root: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly random: () => number;
  readonly report: (message: string, error?: unknown) => void;
  /** Where the environment names a cluster. */
  readonly kubernetes?: KubernetesRunner | undefined;
  /** An attempt's end was recorded. */
  readonly onEnd?: ((lease: Lease, end: AttemptEnd) => void) | undefined;
  /** Tasks at once, however little they ask for. Default 32. */
  readonly maxTasks?: number | undefined;
  /** From SIGTERM to SIGKILL. Default 10 s. */
  readonly killGraceMs?: number | undefined;
}

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
const SPECS_KEPT = 64;

interface Active {
  readonly lease: Lease;
  readonly controller: AbortController;
  readonly done: Promise<void>;
  /** Its program runs outside: it takes no room here, and goes on when this worker stops. */
  outside: boolean;
}

export function createWorker(options: WorkerOptions): Worker {
  const { runs, report, kubernetes } = options;
  const killGraceMs = options.killGraceMs ?? 10_000;
  const maxTasks = options.maxTasks ?? 32;
  const active = new Map<string, Active>();
  const wakeup = createWakeup();
  const admitted = (candidates: readonly Candidate[], room: Room): Admission => admit(candidates, room, options.limits);
  const stopping = new AbortController();
  const specs = new Map<string, Promise<RunDefinition | undefined>>();
  const ends = createEnds({ runs, rules: runRules, onRecorded: () => wakeup.wake(), stopping: stopping.signal });
  let identity: WorkerIdentity | undefined;
  let keeper: LeaseKeeper | undefined;
  let loop: Promise<void> | undefined;
  let draining = false;
  let adoptAt = 0;
  let lookForCancelled = false;
  let unsubscribe = (): void => {};

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
    keeper.onLost((lease) => stopAttempt(lease, 'lost'));
    identity = next;
  }

  async function work(): Promise<void> {
    const { signal } = stopping;
    let lookedAt = performance.now();
    while (!signal.aborted) {
      let waitMs = POLL_MS;
      try {
        if (keeper?.ended() === true) await openKeeper();
        if (!draining) await adoptSome();
        if (!draining && slots() > 0) waitMs = await claimSome(waitMs);
        if (active.size > 0 && (lookForCancelled || performance.now() - lookedAt >= POLL_MS)) {
          lookForCancelled = false;
          lookedAt = performance.now();
          await noticeCancelled();
        }
      } catch (error) {
        if (!signal.aborted) report('the worker cannot reach the control store; it tries again', error);
      }
      await wakeup.wait(waitMs, signal);
    }
  }

  /** Programs in a cluster take none, up to as many as the environment wants at once. */
  function slots(): number {
    const outside = [...active.values()].filter((attempt) => attempt.outside).length;
    return maxTasks - active.size + Math.min(outside, kubernetes?.parallelism ?? 0);
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
    const { leases, nextDueMs } = await runs.claim(identity, slots(), admitted, runRules);
    for (const lease of leases) begin(lease);
    if (leases.length === 0) await pause(EMPTY_CLAIM_PAUSE_MS, stopping.signal);
    return nextDueMs === null ? waitMs : Math.min(waitMs, Math.max(1, Math.ceil(nextDueMs)));
  }

  async function noticeCancelled(): Promise<void> {
    if (identity === undefined) return;
    for (const lease of await runs.cancelledLeases(identity.workerId)) stopAttempt(lease, 'cancelled');
  }

  function stopAttempt(lease: LeaseRef, reason: StopReason): void {
    const found = active.get(keyOf(lease));
    if (found !== undefined && !found.controller.signal.aborted) found.controller.abort(new AttemptStopped(reason));
  }

  function begin(lease: Lease | AdoptedLease): void {
    const controller = new AbortController();
    const key = keyOf(lease);
    keeper?.track(lease, null);
    const done = attend(lease, controller, identity?.workerId ?? '')
      .catch((error: unknown) =>
        report(
          `task ${lease.task} of run ${lease.runId} could not be ended in the store; its lease will expire`,
          error,
        ),
      )
      .finally(() => {
        active.delete(key);
        keeper?.untrack(lease);
        wakeup.wake();
      });
    active.set(key, { lease, controller, done, outside: 'job' in lease });
    if (stopping.signal.aborted) controller.abort(new AttemptStopped('stopped'));
  }

  async function attend(lease: Lease | AdoptedLease, controller: AbortController, workerId: string): Promise<void> {
    const { signal } = controller;
    const run = await patiently(() => specOf(lease.runId), signal);
    if (run === undefined) return;
    const progress = createProgressTeller({
      record: (told) => runs.recordProgress(lease, told),
      log: (line) => taskLog.write('out', `${line}\n`),
    });
    const cluster =
      kubernetes === undefined
        ? undefined
        : inCluster({
            runs,
            runner: kubernetes,
            lease,
            workerId,
            task: specTask(run.spec, lease.task),
            progress: progress.tell,
            signal,
          });
    const outside = cluster?.where === 'kubernetes';
    const entry = active.get(keyOf(lease));
    if (entry !== undefined) entry.outside = outside;
    const taskLog = createTaskLog({
      append: (chunks, position) =>
        outside ? runs.appendExternalLog(lease, workerId, chunks, position) : runs.appendLog(lease, chunks),
      pause: (milliseconds) => pause(milliseconds, signal),
      begun: 'job' in lease ? { chunks: lease.logChunks, characters: lease.logCharacters } : undefined,
    });
    let end: AttemptEnd | undefined;
    let deferral: Deferral | undefined;
    try {
      const outcome = await runAttempt({
        lease,
        run,
        services: options.services,
        runOperator: options.runOperator ?? runOperator,
        cache: options.cache,
        outputsOf: (tasks) => patiently(() => runs.outputs(lease.runId, tasks), signal),
        process: {
          workdir: options.workdir,
          root: options.root,
          artifactFile: options.artifactFile,
          artifactsBefore: ({ runId, ancestors }) =>
            ancestors.length === 0
              ? Promise.resolve([])
              : patiently(() => options.runArtifacts.list(runId, ancestors), controller.signal),
          keepArtifacts: async (_, files) => {
            const kept: Omit<RunArtifact, 'task'>[] = [];
            for (const { path, file } of files) kept.push({ path, ...(await options.services.storeFile(file)) });
            if (kept.length > 0) await patiently(() => options.runArtifacts.add(lease, kept), controller.signal);
          },
          variables: options.variables,
          killGraceMs,
          recordProcess: (_, started) => patiently(() => runs.recordProcess(lease, started), signal),
          onGroup: (_, group) => keeper?.track(lease, group),
        },
        cluster,
        keepArtifact: async (artifact) => {
          await patiently(() => options.runArtifacts.add(lease, [artifact]), controller.signal);
        },
        taskLog,
        waited: () => patiently(() => options.deferrals.hasWaited(lease), controller.signal),
        newestRun: options.newestRun,
        children: options.children,
        progress: progress.tell,
        controller,
        variables: options.variables,
        random: options.random,
        abandonAfterMs: killGraceMs + 5_000,
      });
      if (outcome !== undefined && 'what' in outcome) deferral = outcome;
      else end = outcome;
    } finally {
      await progress.settled();
      await taskLog.close();
    }
    if (deferral !== undefined) {
      const waits = deferral;
      // Where the run is being cancelled there is nothing to wait for.
      if (await patiently(() => options.deferrals.defer(lease, waits), signal)) return;
      end = cancelledEnd(lease);
    }
    if (end !== undefined) await ends.record(end, signal);
    await cluster?.leave(end !== undefined);
    if (end !== undefined) options.onEnd?.(lease, end);
  }

  /** A run's pipeline and parameters never change. */
  async function specOf(runId: string): Promise<RunDefinition | undefined> {
    const kept = specs.get(runId);
    if (kept !== undefined) return kept;
    const loading = runs.definition(runId);
    specs.set(runId, loading);
    loading.catch(() => specs.delete(runId));
    const oldest = specs.size > SPECS_KEPT ? specs.keys().next().value : undefined;
    if (oldest !== undefined) specs.delete(oldest);
    return loading;
  }

  async function drain(signal?: AbortSignal): Promise<void> {
    draining = true;
    // What runs outside goes on without this worker; the next one sees it to its end.
    for (const { lease, outside } of active.values()) if (outside) stopAttempt(lease, 'stopped');
    const done = Promise.all([...active.values()].map((attempt) => attempt.done)).then(() => undefined);
    if (signal === undefined) return done;
    await Promise.race([
      done,
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
  }

  async function stop(): Promise<void> {
    draining = true;
    stopping.abort(new MlopsError('AP106', { detail: 'The worker stops.' }));
    unsubscribe();
    await loop;
    for (const { lease } of active.values()) stopAttempt(lease, 'stopped');
    while (active.size > 0) await Promise.all([...active.values()].map((attempt) => attempt.done));
    await kubernetes?.close();
    await keeper?.stop();
    keeper = undefined;
  }

  return { start, drain, stop };
}

function cancelledEnd({ runId, task, attempt }: LeaseRef): AttemptEnd {
  const end = { exitCode: null, error: 'cancelled', outputs: null, data: {}, usage: null, retryInMs: null };
  return { runId, task, attempt, status: 'cancelled', counts: 'nothing', ...end };
}

function keyOf(lease: LeaseRef): string {
  return `${lease.runId} ${lease.task} ${lease.attempt}`;
}
