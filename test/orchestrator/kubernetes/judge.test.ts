import { describe, expect, it } from 'vitest';
import { judgeJob } from '../../../src/orchestrator/runners/kubernetes/judge.ts';
import type { Job, Pod } from '../../../src/orchestrator/runners/kubernetes/objects.ts';

const ASKED = { image: 'img', queue: undefined, memory: '512Mi' };
const job = (conditions: readonly object[] = [], suspend = false): Job =>
  ({ metadata: { name: 'j' }, spec: { suspend }, status: { conditions } }) as unknown as Job;
const pod = (status: object): Pod =>
  ({ metadata: { name: 'j-x' }, spec: { nodeName: 'n1' }, status }) as unknown as Pod;
const container = (state: object) => ({ containerStatuses: [{ name: 'task', state }] });
const is = (type: string, reason: string, message = '') => ({ type, status: 'True', reason, message });

/** What the API server shows, and what it means for the attempt. */
const ENDS: readonly [string, Job | undefined, Pod | undefined, string, RegExp][] = [
  [
    'exit code 3',
    job(),
    pod({ phase: 'Failed', ...container({ terminated: { exitCode: 3, reason: 'Error' } }) }),
    'failed',
    /exit code 3/,
  ],
  [
    'OOMKilled',
    job(),
    pod({ phase: 'Failed', ...container({ terminated: { exitCode: 137, reason: 'OOMKilled' } }) }),
    'crashed',
    /its limit of 512Mi/,
  ],
  [
    'killed from outside',
    job(),
    pod({ phase: 'Failed', ...container({ terminated: { exitCode: 137, reason: 'Error' } }) }),
    'crashed',
    /SIGKILL/,
  ],
  [
    'evicted by its node',
    job(),
    pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }),
    'crashed',
    /evicted on node n1: The node was low/,
  ],
  [
    'node pressure, as a disruption',
    job(),
    pod({ phase: 'Failed', conditions: [is('DisruptionTarget', 'TerminationByKubelet')] }),
    'crashed',
    /ended by its node/,
  ],
  [
    'preempted',
    job(),
    pod({ phase: 'Failed', conditions: [is('DisruptionTarget', 'PreemptionByScheduler')] }),
    'crashed',
    /higher priority/,
  ],
  [
    'node lost',
    job(),
    pod({
      phase: 'Running',
      conditions: [is('DisruptionTarget', 'DeletionByTaintManager')],
      ...container({ running: {} }),
    }),
    'crashed',
    /not ready or tainted/,
  ],
  [
    'node gone',
    job(),
    pod({ phase: 'Failed', conditions: [is('DisruptionTarget', 'DeletionByPodGC')] }),
    'crashed',
    /node is gone/,
  ],
  ['time limit of the pod', job(), pod({ phase: 'Failed', reason: 'DeadlineExceeded' }), 'timed_out', /time limit/],
  ['deadline of the Job', job([is('Failed', 'DeadlineExceeded')]), undefined, 'timed_out', /deadline/],
  ['pod removed by hand', job([is('Failed', 'BackoffLimitExceeded')]), undefined, 'crashed', /its pod was deleted/],
  ['Job removed by hand', undefined, undefined, 'crashed', /its Job was deleted/],
  [
    'no such program in the image',
    job(),
    pod({
      phase: 'Failed',
      ...container({ terminated: { exitCode: 128, reason: 'StartError', message: 'exec: "x": not found' } }),
    }),
    'failed',
    /cannot be started in img: exec/,
  ],
];

describe('the end of an attempt in a cluster', () => {
  it.each(ENDS)('%s', (_, theJob, thePod, status, error) => {
    const verdict = judgeJob({ job: theJob, pods: thePod === undefined ? [] : [thePod] }, ASKED);
    expect(verdict).toMatchObject({ kind: 'ended', status });
    expect((verdict as { error: string }).error).toMatch(error);
  });

  it('is a success only where the container says so, or the Job does', () => {
    const done = pod({ phase: 'Succeeded', ...container({ terminated: { exitCode: 0, message: '{}' } }) });
    expect(judgeJob({ job: job(), pods: [done] }, ASKED)).toMatchObject({ kind: 'succeeded', end: { message: '{}' } });
    expect(judgeJob({ job: job([is('Complete', '')]), pods: [] }, ASKED)).toMatchObject({
      kind: 'succeeded',
      end: undefined,
    });
  });

  it('has not come while a disturbed pod still ends, and a Job that its queue took back waits again', () => {
    const ending = pod({
      phase: 'Running',
      conditions: [is('DisruptionTarget', 'EvictionByEvictionAPI')],
      ...container({ running: {} }),
    });
    expect(judgeJob({ job: job(), pods: [ending] }, ASKED).kind).toBe('running');
    expect(judgeJob({ job: job([], true), pods: [] }, { ...ASKED, queue: 'q' })).toMatchObject({
      kind: 'waiting',
      because: 'queue',
    });
  });
});

describe('what keeps a pod from starting', () => {
  const waiting = (reason: string) => pod({ phase: 'Pending', ...container({ waiting: { reason, message: 'why' } }) });

  it.each([
    ['InvalidImageName', 'hopeless'],
    ['ErrImagePull', 'fault'],
    ['CreateContainerConfigError', 'fault'],
    ['ContainerCreating', 'wait'],
  ])('%s: %s', (reason, because) => {
    expect(judgeJob({ job: job(), pods: [waiting(reason)] }, ASKED)).toMatchObject({ kind: 'waiting', because });
  });
});
