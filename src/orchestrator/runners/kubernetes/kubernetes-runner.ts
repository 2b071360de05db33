/**
 * Runs programs as Jobs of a cluster. The intent is recorded before a Job is made under the attempt's own name; where it is
 * there already it is adopted. What happens to it is told by the cluster; the daemon may come and go meanwhile.
 */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MlopsError } from '../../../lib/error.ts';
import { pause } from '../../../lib/pause.ts';
import { durationMs } from '../../../lib/units.ts';
import type { KubernetesSpec } from '../../../spec/schema-types.ts';
import type { ExternalJob } from '../../../stores/control/external-work.ts';
import type { LeaseRef } from '../../../stores/control/runs.ts';
import { TaskFailure } from '../../task-failure.ts';
import { attemptDirectory } from '../attempt-directory.ts';
import { HandedOver } from '../handed-over.ts';
import type { ProcessResult, ProcessTask } from '../process-runner.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterAttempt } from './cluster-attempt.ts';
import { isTransient } from './cluster-error.ts';
import { followJob } from './follow-job.ts';
import { type Jobs, jobsIn } from './jobs.ts';
import { type AttemptName, jobName, ownerSelector } from './names.ts';
import { createPatience, type Patience } from './patience.ts';
import { podSettings } from './pod-settings.ts';
import { packProgram } from './program.ts';
import { exceededQuota } from './quota.ts';
import { createSweeper } from './sweeper.ts';
import { outputsOf } from './termination-message.ts';
import { createJobWatcher, type JobWatcher } from './watcher.ts';

export interface KubernetesRunner {
  /** Begins to clean up behind attempts that are over. */
  start(): void;
  run<T>(program: ProcessTask, attempt: ClusterAttempt, use: (result: ProcessResult) => Promise<T>): Promise<T>;
  /** The attempt's end is recorded: nothing of it is needed any more. */
  forget(job: ExternalJob, attempt: LeaseRef & { readonly pipeline: string }): Promise<void>;
  /** Jobs that one daemon looks after beside the tasks of its machine. */
  readonly parallelism: number;
  close(): Promise<void>;
}

export interface KubernetesRunnerOptions {
  readonly settings: KubernetesSpec;
  /** Its path, once it is needed. SP110 where a variable that holds it is not set. */
  readonly kubeconfig: () => string | undefined;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly workdir: string;
  readonly artifactFile: (digest: string) => Promise<string>;
  readonly owner: () => Promise<string>;
  readonly underWay: (attempts: readonly LeaseRef[]) => Promise<readonly LeaseRef[]>;
  readonly killGraceMs: number;
  readonly report: (message: string, error?: unknown) => void;
  /** What keeps a container from starting may pass for so long. Default 2 min. */
  readonly faultMs?: number | undefined;
  readonly sweepEveryMs?: number | undefined;
}

const DEFAULTS = { parallelism: 100, startWithin: '1h', keepFinished: '1d' } as const;
const FAULT_MS = 120_000;
const SWEEP_EVERY_MS = 30_000;

interface Opened {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly owner: string;
  readonly jobs: Jobs;
  readonly watcher: JobWatcher;
}

export function createKubernetesRunner(options: KubernetesRunnerOptions): KubernetesRunner {
  const { settings, report, killGraceMs } = options;
  const stopping = new AbortController();
  let opening: Promise<Opened> | undefined;
  let sweeping: Promise<void> | undefined;

  function open(): Promise<Opened> {
    opening ??= openNow().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function openNow(): Promise<Opened> {
    const owner = await options.owner();
    const { variables } = options;
    const kubeconfig = options.kubeconfig();
    // The client takes half a second to load: only where it is used.
    const { openCluster } = await import('./cluster.ts');
    const cluster = openCluster({ kubeconfig, context: settings.context, variables });
    const namespace = settings.namespace ?? cluster.namespace ?? 'default';
    const watcher = createJobWatcher({ cluster, namespace, selector: ownerSelector(owner), report });
    return { cluster, namespace, owner, jobs: jobsIn(cluster, namespace), watcher };
  }

  async function run<T>(
    program: ProcessTask,
    attempt: ClusterAttempt,
    use: (result: ProcessResult) => Promise<T>,
  ): Promise<T> {
    const pod = podSettings(settings, attempt.spec.kubernetes);
    const { image } = pod;
    if (image === undefined) {
      throw new MlopsError('PL230', {
        detail: `Nothing says which image the task ${attempt.task} runs in.`,
        hint: "kubernetes: { image: 'python:3.12' } in the task, or image in runner.kubernetes of the environment",
        address: `pipeline.${attempt.pipeline}`,
      });
    }
    const opened = await open();
    const { jobs, namespace, owner, watcher } = opened;
    const name: AttemptName = { ...attempt, owner };
    const packed = await packProgram(program, attempt, options.artifactFile);
    const external: ExternalJob = attempt.adopted?.job ?? {
      kind: 'kubernetes',
      namespace,
      name: jobName(name),
      made: false,
    };
    const objectName = external.name;
    if (attempt.adopted === undefined) {
      if (attempt.attempt > 1) await jobs.removeOthers(name, objectName, attempt.signal);
      if (!(await attempt.recordJob(external)))
        throw new TaskFailure('crashed', null, 'the lease was lost before the Job was made');
    }
    attempt.signal.throwIfAborted();
    const request = {
      objectName,
      name,
      namespace,
      image,
      pod,
      program: packed.program,
      resources: attempt.spec.resources,
      timeout: attempt.spec.timeout,
      deadlineInMs: attempt.deadlineInMs,
      killGraceMs,
      keepFinishedMs: durationMs(settings.keepFinished ?? DEFAULTS.keepFinished),
    };
    const patience = createPatience({
      task: attempt.task,
      pipeline: attempt.pipeline,
      faultMs: options.faultMs ?? FAULT_MS,
      startWithin: settings.startWithin ?? DEFAULTS.startWithin,
      queuedTimeout: attempt.spec.queuedTimeout,
    });
    try {
      await watcher.start();
      // One that was made and is not there was removed: it is not made again behind anybody's back.
      const job = external.made
        ? await jobs.get(objectName, attempt.signal)
        : await withRoom(patience, attempt, () => jobs.ensure(request, attempt.signal));
      if (job !== undefined) {
        watcher.saw(job);
        const jobUid = job.metadata.uid ?? '';
        await withRoom(patience, attempt, () =>
          jobs.ensureSecret({ objectName, name, namespace, jobUid, data: packed.data }, attempt.signal),
        );
        if (!external.made && !(await attempt.recordJob({ ...external, made: true }))) throw new HandedOver();
      }
      const end = await followJob({
        job: objectName,
        attempt,
        asked: { image, queue: pod.queue, memory: attempt.spec.resources?.memory },
        cluster: opened.cluster,
        namespace,
        jobs,
        watcher,
        patience,
      });
      const directory = join(attemptDirectory(options.workdir, attempt), 'work');
      await mkdir(directory, { recursive: true });
      return await use({ directory, outputs: outputsOf(end?.message) });
    } catch (error) {
      if (error instanceof HandedOver || attempt.isLeftRunning()) throw new HandedOver();
      await end(opened, name, objectName).catch((cause: unknown) =>
        report(`the Job ${objectName} cannot be removed now; it is tried again`, cause),
      );
      if (isTransient(error))
        throw new TaskFailure('crashed', null, `the cluster cannot be reached: ${(error as Error).message}`);
      throw error;
    } finally {
      await rm(attemptDirectory(options.workdir, attempt), { recursive: true, force: true });
    }
  }

  /** Removes the Job, where it is the attempt's, and waits until its pod is gone, not longer than it takes to kill that. */
  async function end({ jobs, watcher }: Opened, attempt: AttemptName, name: string): Promise<void> {
    const limit = AbortSignal.timeout(killGraceMs + 4_000);
    const own = await jobs.owned(attempt, name, limit);
    if (own === undefined) return;
    watcher.saw(own);
    await jobs.remove(name, limit);
    while (!limit.aborted && watcher.get(name).job !== undefined) await watcher.changed(name, 500, limit);
  }

  const sweeper = createSweeper({
    open,
    underWay: options.underWay,
    everyMs: options.sweepEveryMs ?? SWEEP_EVERY_MS,
    report,
    signal: stopping.signal,
  });

  return {
    parallelism: settings.parallelism ?? DEFAULTS.parallelism,
    start: () => {
      sweeping ??= sweeper();
    },
    run,
    forget: async ({ name }, attempt) => {
      try {
        const { jobs, watcher, owner } = await open();
        const limit = AbortSignal.timeout(10_000);
        if ((await jobs.owned({ ...attempt, owner }, name, limit)) !== undefined) await jobs.remove(name, limit);
        watcher.forget(name);
      } catch {
        // The sweeper removes it.
      }
    },
    close: async () => {
      stopping.abort();
      await sweeping;
      const opened = await opening?.catch(() => undefined);
      opened?.watcher.stop();
      opened?.cluster.close();
    },
  };
}

const QUOTA_AGAIN_MS = 2_000;

/** A quota that is used up is waited for like a node: others give room. */
async function withRoom<T>(patience: Patience, attempt: ClusterAttempt, make: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await make();
    } catch (error) {
      const quota = exceededQuota(error);
      if (quota === undefined) throw error;
      const what = `the namespace has no room: ${quota}`;
      patience.check({ because: 'wait', what });
      attempt.onWaiting(what);
    }
    await pause(QUOTA_AGAIN_MS, attempt.signal);
    attempt.signal.throwIfAborted();
  }
}
