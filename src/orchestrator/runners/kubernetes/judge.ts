/**
 * What the state of a Job and its pod means for the attempt. Pure.
 *
 *     no Job                                   → gone (somebody deleted it)                       crashed
 *     suspended                                → waiting: for its queue
 *     no pod, not scheduled, image not there   → waiting, with what keeps it
 *     container running                        → running
 *     exit code 0 and Job complete             → succeeded
 *     another exit code                        → failed; 137, OOMKilled, evicted, preempted, node lost → crashed
 *     DeadlineExceeded                         → timed_out
 */
import { CONTAINER } from './manifest.ts';
import { type Condition, type ContainerStatus, conditionOf, type Job, type Pod, type Terminated } from './objects.ts';
import { isQuota } from './quota.ts';

export type JobVerdict =
  | {
      readonly kind: 'waiting';
      readonly what: string;
      /** hopeless: trying again cannot mend it. fault: it may pass, but not for long. wait: for room, or for a queue. */
      readonly because: 'wait' | 'fault' | 'hopeless' | 'queue';
    }
  | { readonly kind: 'running'; readonly pod: string; readonly startedAt: string | undefined }
  | { readonly kind: 'succeeded'; readonly pod: string | undefined; readonly end: Terminated | undefined }
  | {
      readonly kind: 'ended';
      readonly status: 'failed' | 'crashed' | 'timed_out';
      readonly exitCode: number | null;
      readonly error: string;
      readonly pod: string | undefined;
      readonly end: Terminated | undefined;
    };

export interface JobState {
  readonly job: Job | undefined;
  readonly pods: readonly Pod[];
  /** Of the Job, where it has no pod: why the cluster makes none. */
  readonly refusal?: string | undefined;
}

export interface Asked {
  readonly image: string;
  readonly queue: string | undefined;
  /** As the user wrote it. */
  readonly memory: string | undefined;
}

export function judgeJob({ job, pods, refusal }: JobState, asked: Asked): JobVerdict {
  const pod = newest(pods);
  const failed =
    conditionOf(job?.status?.conditions, 'Failed') ?? conditionOf(job?.status?.conditions, 'FailureTarget');
  const complete =
    conditionOf(job?.status?.conditions, 'Complete') ?? conditionOf(job?.status?.conditions, 'SuccessCriteriaMet');
  const end = terminatedOf(pod);
  // A pod that was disturbed tells more than the Job's word that it failed.
  if (pod !== undefined && isOver(pod)) {
    const ended = endedPod(pod, end, asked);
    if (ended !== undefined && job !== undefined && !job.spec?.suspend) return ended;
  }
  if (complete !== undefined || (pod?.status?.phase === 'Succeeded' && end?.exitCode === 0 && job !== undefined))
    return { kind: 'succeeded', pod: pod?.metadata.name, end };
  if (failed !== undefined) return failedJob(failed, pod, end);
  if (job === undefined) return crashed('its Job was deleted by somebody else', undefined, undefined);
  if (job.spec?.suspend) {
    const queue = asked.queue === undefined ? '' : ` "${asked.queue}"`;
    return { kind: 'waiting', what: `the Job waits to be let in by the queue${queue}`, because: 'queue' };
  }
  if (pod === undefined) {
    return refusal === undefined
      ? { kind: 'waiting', what: 'the Job has no pod yet', because: 'wait' }
      : { kind: 'waiting', what: `the cluster makes no pod: ${refusal}`, because: isQuota(refusal) ? 'wait' : 'fault' };
  }
  const container = statusOf(pod);
  if (container?.state?.running !== undefined || end !== undefined) {
    return { kind: 'running', pod: pod.metadata.name, startedAt: pod.status?.startTime };
  }
  return waitingPod(pod, container, asked);
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || conditionOf(pod.status?.conditions, 'DisruptionTarget') !== undefined;
}

/** Undefined while it still ends. */
function endedPod(pod: Pod, end: Terminated | undefined, asked: Asked): JobVerdict | undefined {
  const name = pod.metadata.name;
  const { reason, message, phase } = pod.status ?? {};
  const node = pod.spec?.nodeName === undefined ? '' : ` on node ${pod.spec.nodeName}`;
  const disturbed = conditionOf(pod.status?.conditions, 'DisruptionTarget');
  if (disturbed !== undefined) {
    const over =
      phase === 'Failed' ||
      phase === 'Succeeded' ||
      disturbed.reason === 'DeletionByTaintManager' ||
      disturbed.reason === 'DeletionByPodGC';
    return over ? crashed(`${disturbance(disturbed)}${node}${told(disturbed.message)}`, name, end) : undefined;
  }
  if (reason === 'Evicted') return crashed(`the pod was evicted${node}${told(message)}`, name, end);
  if (reason === 'NodeLost' || reason === 'NodeShutdown' || reason === 'Terminated')
    return crashed(`the pod's node went away${node}${told(message)}`, name, end);
  if (reason === 'DeadlineExceeded') {
    return {
      kind: 'ended',
      status: 'timed_out',
      exitCode: null,
      error: 'the cluster ended it at its time limit',
      pod: name,
      end,
    };
  }
  if (reason !== undefined && end === undefined)
    return crashed(`the pod failed${node}: ${reason}${told(message)}`, name, end);
  return end === undefined ? undefined : endedContainer(end, name, asked);
}

function endedContainer(end: Terminated, pod: string, asked: Asked): JobVerdict | undefined {
  const { exitCode, reason } = end;
  if (exitCode === 0) return undefined;
  if (reason === 'OOMKilled') {
    const limit = asked.memory === undefined ? 'the memory of its node' : `its limit of ${asked.memory}`;
    return crashed(`the program was killed: it went over ${limit}`, pod, end);
  }
  if (exitCode === 137) return crashed('the program was killed (SIGKILL): out of memory, or by hand', pod, end);
  const error =
    reason === 'StartError' || reason === 'ContainerCannotRun'
      ? `the program cannot be started in ${asked.image}${told(end.message)}`
      : `the program ended with exit code ${exitCode}`;
  return { kind: 'ended', status: 'failed', exitCode, error, pod, end };
}

function failedJob(failed: Condition, pod: Pod | undefined, end: Terminated | undefined): JobVerdict {
  if (failed.reason === 'DeadlineExceeded') {
    return {
      kind: 'ended',
      status: 'timed_out',
      exitCode: null,
      error: 'the cluster ended it at its deadline',
      pod: pod?.metadata.name,
      end,
    };
  }
  const what = pod === undefined ? 'its pod was deleted' : `its Job failed (${failed.reason ?? 'no reason given'})`;
  return crashed(`${what}${told(failed.message)}`, pod?.metadata.name, end);
}

const DISTURBANCES: Readonly<Record<string, string>> = {
  PreemptionByScheduler: 'the pod had to make room for one of higher priority',
  DeletionByTaintManager: 'the pod was taken off its node, which is not ready or tainted',
  EvictionByEvictionAPI: 'the pod was evicted',
  DeletionByPodGC: "the pod's node is gone",
  TerminationByKubelet: 'the pod was ended by its node',
};

function disturbance({ reason }: Condition): string {
  return DISTURBANCES[reason ?? ''] ?? `the pod was disturbed (${reason ?? 'no reason given'})`;
}

/** What keeps a container from starting, by the kubelet's reasons. */
const HOPELESS: ReadonlySet<string> = new Set(['InvalidImageName', 'ErrImageNeverPull']);
const IMAGE: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);
const STARTING: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

function waitingPod(pod: Pod, container: ContainerStatus | undefined, asked: Asked): JobVerdict {
  const waiting = container?.state?.waiting;
  const reason = waiting?.reason;
  if (reason !== undefined && IMAGE.has(reason)) {
    return {
      kind: 'waiting',
      what: `the image ${asked.image} cannot be had (${reason})${told(waiting?.message)}`,
      because: HOPELESS.has(reason) ? 'hopeless' : 'fault',
    };
  }
  if (reason !== undefined && !STARTING.has(reason))
    return {
      kind: 'waiting',
      what: `the container cannot start (${reason})${told(waiting?.message)}`,
      because: 'fault',
    };
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False')
    return { kind: 'waiting', what: `no node takes the pod${told(scheduled.message)}`, because: 'wait' };
  return { kind: 'waiting', what: 'the pod starts', because: 'wait' };
}

function crashed(error: string, pod: string | undefined, end: Terminated | undefined): JobVerdict {
  return { kind: 'ended', status: 'crashed', exitCode: end?.exitCode ?? null, error, pod, end };
}

function newest(pods: readonly Pod[]): Pod | undefined {
  return pods.reduce<Pod | undefined>(
    (found, pod) =>
      found === undefined || (pod.metadata.creationTimestamp ?? '') >= (found.metadata.creationTimestamp ?? '')
        ? pod
        : found,
    undefined,
  );
}

function statusOf(pod: Pod | undefined): ContainerStatus | undefined {
  return pod?.status?.containerStatuses?.find(({ name }) => name === CONTAINER);
}

function terminatedOf(pod: Pod | undefined): Terminated | undefined {
  return statusOf(pod)?.state?.terminated;
}

function told(message: string | undefined): string {
  return message === undefined || message.trim() === '' ? '' : `: ${message.trim()}`;
}
