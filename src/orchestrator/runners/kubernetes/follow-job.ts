/** Follows a Job to its end: tells what it waits for, takes its log, and says how it ended. */

import { pause } from '../../../lib/pause.ts';
import { redactingStream } from '../../redact.ts';
import { TaskFailure } from '../../task-failure.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterAttempt } from './cluster-attempt.ts';
import type { Jobs } from './jobs.ts';
import { type Asked, type JobVerdict, judgeJob } from './judge.ts';
import type { Terminated } from './objects.ts';
import type { Patience } from './patience.ts';
import { followPodLog, logPositionOf } from './pod-log.ts';
import type { JobWatcher } from './watcher.ts';

export interface FollowOptions {
  readonly job: string;
  readonly attempt: ClusterAttempt;
  readonly asked: Asked;
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly jobs: Jobs;
  readonly watcher: JobWatcher;
  readonly patience: Patience;
}

const LOOK_AGAIN_MS = 5_000;
/** Without a pod after so long, the cluster is asked why. */
const NO_POD_MS = 2_000;
const LOG_GRACE_MS = 15_000;

/** How its container ended, where it succeeded. Throws TaskFailure where it did not, and what the signal says. */
export async function followJob(options: FollowOptions): Promise<Terminated | undefined> {
  const { job, attempt, asked, jobs, watcher, patience } = options;
  const { signal } = attempt;
  const log = createLog(options);
  try {
    for (;;) {
      signal.throwIfAborted();
      // Begun before looking: what changes meanwhile is not missed.
      const change = watcher.changed(job, LOOK_AGAIN_MS, signal);
      const verdict = await look(patience.waitedMs());
      signal.throwIfAborted();
      switch (verdict.kind) {
        case 'waiting':
          patience.check(verdict);
          attempt.onWaiting(verdict.what);
          break;
        case 'running':
          patience.started();
          attempt.onStarted(
            verdict.startedAt === undefined ? 0 : Math.max(0, Date.now() - Date.parse(verdict.startedAt)),
          );
          log.follow(verdict.pod);
          break;
        case 'succeeded':
          await log.finish(verdict.pod);
          tellUsage(verdict.end, attempt);
          return verdict.end;
        case 'ended':
          await log.finish(verdict.end === undefined ? undefined : verdict.pod);
          tellUsage(verdict.end, attempt);
          throw new TaskFailure(verdict.status, verdict.exitCode, verdict.error);
      }
      await change;
    }
  } finally {
    log.stop();
  }

  async function look(waitedMs: number): Promise<JobVerdict> {
    const known = watcher.get(job);
    const found = known.job ?? (await jobs.get(job, signal));
    const refusal =
      found !== undefined && known.pods.length === 0 && !found.spec?.suspend && waitedMs > NO_POD_MS
        ? await jobs.warningOf(job, signal).catch(() => undefined)
        : undefined;
    const verdict = judgeJob({ job: found, pods: known.pods, refusal }, asked);
    if ((verdict.kind !== 'ended' && verdict.kind !== 'succeeded') || verdict.end !== undefined) return verdict;
    // The Job's word came first: its pod's is at the server by now, and says more.
    const again = judgeJob({ job: found, pods: await jobs.podsOf(job, signal) }, asked);
    if (again.kind !== 'succeeded' || again.end !== undefined)
      return again.kind === 'ended' || again.kind === 'succeeded' ? again : verdict;
    return {
      kind: 'ended',
      status: 'crashed',
      exitCode: null,
      error: 'its pod was removed before anybody saw what it left',
      pod: undefined,
      end: undefined,
    };
  }
}

function tellUsage(end: Terminated | undefined, attempt: ClusterAttempt): void {
  if (end?.startedAt === undefined || end.finishedAt === undefined) return;
  const wallSeconds = (Date.parse(end.finishedAt) - Date.parse(end.startedAt)) / 1000;
  attempt.onUsage({ cpuSeconds: null, peakMemoryBytes: null, wallSeconds: Math.max(0, wallSeconds) });
}

function createLog({ cluster, namespace, attempt }: FollowOptions) {
  const stopping = new AbortController();
  const signal = AbortSignal.any([attempt.signal, stopping.signal]);
  const redacting = redactingStream(attempt.secrets);
  const start = attempt.adopted?.logPosition ?? null;
  let pod: string | undefined;
  let ended = false;
  let following: Promise<void> | undefined;

  function follow(name: string): void {
    if (pod === name) return;
    const before = following ?? Promise.resolve();
    pod = name;
    following = before.then(() =>
      followPodLog({
        cluster,
        namespace,
        pod: name,
        from: logPositionOf(start),
        write: (text, position) =>
          attempt.taskLog.write('out', redacting.push(text), position === undefined ? undefined : { ...position }),
        room: () => attempt.taskLog.room(),
        // A pod that was replaced writes no more either.
        ended: () => ended || pod !== name,
        signal,
      }).catch((error: unknown) => {
        if (signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        attempt.taskLog.write('system', `[the log of pod ${name} cannot be read: ${why}]\n`);
      }),
    );
  }

  return {
    follow,
    /** Takes what is left; of a pod that nobody can read any more it is not waited for long. */
    finish: async (name: string | undefined): Promise<void> => {
      ended = true;
      if (name !== undefined) follow(name);
      const limit = new AbortController();
      await Promise.race([following, pause(LOG_GRACE_MS, limit.signal)]);
      limit.abort();
      attempt.taskLog.write('out', redacting.end());
    },
    stop: () => stopping.abort(),
  };
}
