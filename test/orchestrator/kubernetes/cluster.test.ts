import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newRun } from '../../../src/orchestrator/new-run.ts';
import type { Orchestrator } from '../../../src/orchestrator/orchestrator.ts';
import { runRules } from '../../../src/orchestrator/rules.ts';
import { jobName, labelsOf } from '../../../src/orchestrator/runners/kubernetes/names.ts';
import {
  type Api,
  apiOf,
  clusterMissing,
  freshNamespace,
  itemsOf,
  KUBECONFIG,
  type KubeObject,
} from '../../support/cluster.ts';
import { type Kubelet, startKubelet } from '../../support/kubelet.ts';
import { runnerFor } from '../../support/kubernetes.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, taskOf, until } from '../../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

describe.skipIf(clusterMissing())('in a cluster with a real API server', { timeout: 120_000 }, () => {
  let database: FreshDatabase;
  let rig: Rig;
  let api: Api;
  let kubelet: Kubelet;
  let namespace: string;
  let orchestrator: Orchestrator;

  const open = (more: Parameters<Rig['open']>[0] = {}, settings: object = {}): Orchestrator =>
    rig.open({
      kubernetes: runnerFor(
        rig,
        KUBECONFIG ?? '',
        { namespace, image: 'local', nodeSelector: kubelet.nodeSelector, ...settings },
        { faultMs: 500 },
      ),
      variables: { ...process.env, TOKEN: 'hunter2-hunter2' },
      ...more,
    });

  beforeAll(async () => {
    database = await freshDatabase();
    rig = await openRig(database.connectionString, { leaseSeconds: 2 });
    api = apiOf();
    kubelet = await startKubelet(api);
    namespace = await freshNamespace(api, { 'pod-security.kubernetes.io/enforce': 'restricted' });
    orchestrator = open();
    await orchestrator.scheduler.start();
    await orchestrator.worker.start();
  });
  afterAll(async () => {
    await rig.close();
    await kubelet.stop();
    await api.call('DELETE', `/api/v1/namespaces/${namespace}`);
    await database.drop();
  });

  type Tasks = Parameters<typeof pipelineOf>[0];
  const command = (line: string | string[], more: object = {}) => ({
    operator: 'command' as const,
    command: line,
    ...more,
  });
  const submit = async (tasks: Tasks, params?: Record<string, string>, by = orchestrator): Promise<string> =>
    (await by.submit({ pipeline: pipelineOf(tasks, params === undefined ? {} : { params }), cause: MANUAL })).runId;
  const log = async (runId: string, task: string): Promise<string> =>
    (await collect(orchestrator.logs(runId, task, { signal: AbortSignal.timeout(10_000) }))).join('');
  const jobsOf = async (runId: string): Promise<KubeObject[]> =>
    itemsOf(
      await api.call('GET', `/apis/batch/v1/namespaces/${namespace}/jobs?labelSelector=mlops.dev/run%3D${runId}`),
    );
  const jobOf = (runId: string) => until('the Job is there', async () => (await jobsOf(runId))[0]);
  const podOf = (job: KubeObject): string =>
    kubelet.started.find((name) => name.startsWith(`${job['metadata'].name}-`)) ?? '';
  const gone = (runId: string) => until('no Job is left', async () => (await jobsOf(runId)).length === 0);

  it('a program gets its parameters, inputs, code and secrets, and leaves outputs and a log', async () => {
    const digest = await rig.file(
      '#!/bin/sh\necho "hello from $0 as $MLOPS_TASK $MLOPS_ATTEMPT: $(cat "$MLOPS_PARAMS")"\necho "[$SECRET] [$PLAIN]"; touch written\n',
    );
    const runId = await submit(
      {
        a: command('echo "{\\"rows\\": 3}" > "$MLOPS_OUTPUTS"'),
        b: command(['scripts/run me.sh'], {
          needs: ['a'],
          bundle: { digest: 'd', files: { 'scripts/run me.sh': digest } },
          env: { SECRET: { $env: 'TOKEN' }, PLAIN: 'as $(it) is' },
        }),
        c: command('cat "$MLOPS_INPUTS"; printf "no line end"', { needs: ['b'] }),
      },
      { name: 'x' },
    );
    const run = await ended(orchestrator, runId);
    expect(run.tasks.map(({ error }) => error)).toEqual([null, null, null]);
    expect(taskOf(run, 'a').outputs).toEqual({ rows: 3 });
    expect(await log(runId, 'b')).toContain(
      'hello from scripts/run me.sh as b 1: {"name":"x"}\n[[redacted]] [as $(it) is]\n',
    );
    expect(await log(runId, 'c')).toContain('{"a":{"rows":3},"b":{}}no line end');
    expect(taskOf(run, 'a').usage!.wallSeconds).toBeGreaterThanOrEqual(0);
    await gone(runId);
    const secrets = await until('its Secret is gone with its Job', async () => {
      const { body } = await api.call(
        'GET',
        `/api/v1/namespaces/${namespace}/secrets?labelSelector=mlops.dev/run%3D${runId}`,
      );
      return body['items'].length === 0 && body['items'];
    });
    expect(secrets).toEqual([]);
  });

  it('the Job is under a deterministic name, passes the restricted pod security standard, and holds no secret', async () => {
    const runId = await submit({
      a: command('sleep 20', {
        env: { SECRET: { $env: 'TOKEN' } },
        resources: { cpu: 0.5, memory: '64Mi', gpu: 1 },
        timeout: '30s',
        kubernetes: { labels: { team: 'hepatology' }, tolerations: [{ key: 'gpu' }] },
      }),
    });
    const job = await jobOf(runId);
    const pod = job['spec'].template.spec;
    const [container] = pod.containers;
    expect(job['metadata'].name).toMatch(/^p-a-[0-9a-f]{12}-1$/);
    expect(job['spec']).toMatchObject({
      backoffLimit: 0,
      podReplacementPolicy: 'Failed',
      ttlSecondsAfterFinished: 86_400,
    });
    expect(job['spec'].podFailurePolicy.rules).toHaveLength(2);
    expect(pod).toMatchObject({
      restartPolicy: 'Never',
      activeDeadlineSeconds: 30,
      automountServiceAccountToken: false,
    });
    expect(container.resources).toEqual({
      requests: { cpu: '500m', memory: '67108864', 'nvidia.com/gpu': '1' },
      limits: { memory: '67108864', 'nvidia.com/gpu': '1' },
    });
    expect(job['metadata'].labels.team).toBe('hepatology');
    expect(pod.tolerations).toContainEqual({ key: 'gpu', operator: 'Exists' });
    expect(JSON.stringify(job)).not.toContain('hunter2');
    await until('its pod was let in', async () =>
      kubelet.started.some((name) => name.startsWith(job['metadata'].name)),
    );
    // It takes no room of this machine.
    const [room] = await rig.db.query<{ cpu: number }>('select cpu from mlops.task_attempts where run_id = $1', [
      runId,
    ]);
    expect(room).toEqual({ cpu: 0 });
    await orchestrator.cancel(runId, 'ada');
    expect((await ended(orchestrator, runId)).status).toBe('cancelled');
    expect(await jobsOf(runId)).toEqual([]);
    expect(kubelet.runs(podOf(job))).toBe(false);
  });

  it('an attempt that fails is tried again under another Job, by its exit code', async () => {
    const runId = await submit({
      a: command('echo "attempt $MLOPS_ATTEMPT"; exit $((MLOPS_ATTEMPT + 2))', {
        retry: { limit: 5, on: [3], backoff: { initial: '1ms' } },
      }),
    });
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'a')).toMatchObject({
      status: 'failed',
      attempt: 2,
      exitCode: 4,
      error: 'the program ended with exit code 4',
    });
    expect(await log(runId, 'a')).toContain('attempt 2\nfailed: the program ended with exit code 4\n');
    await gone(runId);
  });

  it('a time limit counts from the start of the pod and ends it', async () => {
    const runId = await submit({ a: command('echo begun; sleep 60', { timeout: '1s' }) });
    const task = taskOf(await ended(orchestrator, runId), 'a');
    expect(task).toMatchObject({ status: 'timed_out', error: 'not done within 1 s' });
    expect(await jobsOf(runId)).toEqual([]);
  });

  it('a program that goes over its memory has crashed, with the limit named', async () => {
    const runId = await submit({
      a: command('echo up; sleep 60', { resources: { memory: '64Mi' }, retry: { on: ['failed'] } }),
    });
    const job = await jobOf(runId);
    await until('it runs', async () => (await log(runId, 'a').catch(() => '')).includes('up'));
    kubelet.kill(podOf(job), 'OOMKilled');
    expect(taskOf(await ended(orchestrator, runId), 'a')).toMatchObject({
      status: 'crashed',
      exitCode: 137,
      error: 'the program was killed: it went over its limit of 64Mi',
    });
  });

  it('a pod that is evicted has crashed, and the attempt after it succeeds', async () => {
    const runId = await submit({
      a: command('[ "$MLOPS_ATTEMPT" = 2 ] || sleep 60', { retry: { backoff: { initial: '1ms' } } }),
    });
    const job = await jobOf(runId);
    const pod = await until('its pod runs', async () =>
      kubelet.started.find((name) => name.startsWith(job['metadata'].name)),
    );
    const evicted = await api.call('POST', `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod, namespace },
    });
    expect(evicted.status).toBe(201);
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'succeeded', attempt: 2 });
    const first = await rig.db.query<{ status: string; error: string }>(
      'select status, error from mlops.task_attempts where run_id = $1 and attempt = 1',
      [runId],
    );
    expect(first[0]!.status).toBe('crashed');
    expect(first[0]!.error).toContain('the pod was evicted');
  });

  it('a Job that somebody deletes has crashed', async () => {
    const runId = await submit({ a: command('sleep 60', { retry: { on: ['failed'] } }) });
    const job = await jobOf(runId);
    await until('it runs', async () => kubelet.runs(podOf(job)));
    await api.call(
      'DELETE',
      `/apis/batch/v1/namespaces/${namespace}/jobs/${job['metadata'].name}?propagationPolicy=Background`,
    );
    expect(taskOf(await ended(orchestrator, runId), 'a')).toMatchObject({ status: 'crashed' });
  });

  it("a Job of its name that is another attempt's is left alone", async () => {
    const runId = randomUUID();
    const owner = await rig.runs.externalOwner();
    const name = jobName({ owner, runId, pipeline: 'p', task: 'a', attempt: 1 });
    const theirs = {
      metadata: { name },
      spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'x', image: 'x' }] } } },
    };
    expect((await api.call('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, theirs)).status).toBe(201);
    const spec = pipelineOf({ a: command('true') });
    await rig.runs.create(
      newRun({ runId, spec, params: {}, cause: MANUAL, gitCommit: null, idempotencyKey: null, hasCluster: true }),
      runRules,
    );
    const task = taskOf(await ended(orchestrator, runId), 'a');
    expect(task.status).toBe('failed');
    expect(task.error).toContain('PL232');
    expect((await api.call('GET', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`)).status).toBe(200);
    await api.call('DELETE', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}?propagationPolicy=Background`);
  });

  it('a log is taken once, whole and in order, however often the connection breaks', async () => {
    const runId = await submit({
      a: command('i=0; while [ $i -lt 400 ]; do echo "line $i"; i=$((i+1)); [ $((i % 20)) != 0 ] || sleep 0.1; done'),
    });
    const breaking = setInterval(() => kubelet.breakLogs(), 150);
    const run = await ended(orchestrator, runId);
    clearInterval(breaking);
    expect(run.status).toBe('succeeded');
    const lines = (await log(runId, 'a')).split('\n').filter((line) => line.startsWith('line'));
    expect(lines).toEqual(Array.from({ length: 400 }, (_, index) => `line ${index}`));
  });

  it('what waits says for what: for a node, for its queue, for a quota', async () => {
    const selector = { kubernetes: { nodeSelector: { nowhere: 'at-all' } } };
    const runId = await submit({
      node: command('true', { ...selector, needs: [] }),
      queue: command('true', { kubernetes: { queue: 'gpus' }, needs: [] }),
      much: command('true', { resources: { memory: '100Gi' }, needs: [] }),
    });
    const waiting = async (task: string, text: string) =>
      until(`${task} says what it waits for`, async () => {
        const run = await orchestrator.get(runId);
        return taskOf(run!, task).progress?.what.includes(text);
      });
    await waiting('node', 'no node takes the pod');
    await waiting('queue', 'the Job waits to be let in by the queue "gpus"');
    await waiting('much', 'nsufficient memory');
    const [queued] = (await jobsOf(runId)).filter(({ spec }) => spec.suspend === true);
    expect(queued!['metadata'].labels['kueue.x-k8s.io/queue-name']).toBe('gpus');
    // What Kueue does to let it in.
    await api.call('PATCH', `/apis/batch/v1/namespaces/${namespace}/jobs/${queued!['metadata'].name}`, {
      spec: { suspend: false },
    });
    await until(
      'the queued one succeeds',
      async () => taskOf((await orchestrator.get(runId))!, 'queue').status === 'succeeded',
    );
    await orchestrator.cancel(runId, 'ada');
    expect((await ended(orchestrator, runId)).status).toBe('cancelled');
    await gone(runId);
  });

  const quotaOf = (space: string, name: string, hard: Record<string, string>) =>
    api.call('POST', `/api/v1/namespaces/${space}/resourcequotas`, { metadata: { name }, spec: { hard } }).then(() =>
      until('the quota counts', async () => {
        const { body } = await api.call('GET', `/api/v1/namespaces/${space}/resourcequotas/${name}`);
        return Object.keys(hard).every((what) => body['status']?.used?.[what] !== undefined);
      }),
    );
  /** An orchestrator and a namespace that nothing else uses. */
  const alone = async (settings: object = {}) => {
    const space = await freshNamespace(api);
    const own = await openRig(database.connectionString, { leaseSeconds: 2 });
    const by = own.open({
      kubernetes: runnerFor(
        own,
        KUBECONFIG ?? '',
        { namespace: space, image: 'local', nodeSelector: kubelet.nodeSelector, ...settings },
        { faultMs: 500 },
      ),
      variables: {},
    });
    await by.worker.start();
    const end = async () => {
      await own.close();
      await api.call('DELETE', `/api/v1/namespaces/${space}`);
    };
    return { by, space, own, end };
  };
  const withQuota = async (hard: Record<string, string>) => {
    const made = await alone();
    await quotaOf(made.space, 'room', hard);
    const lift = () =>
      api.call('PATCH', `/api/v1/namespaces/${made.space}/resourcequotas/room`, {
        spec: { hard: Object.fromEntries(Object.keys(hard).map((what) => [what, '10'])) },
      });
    return { ...made, lift };
  };

  it.each([
    ['Jobs', { 'count/jobs.batch': '0' }],
    ['pods', { pods: '0' }],
  ])('a quota of %s that is used up is waited for, and the program starts once there is room', async (_, hard) => {
    const { by, lift, end } = await withQuota(hard as Record<string, string>);
    const runId = await submit({ a: command('echo here') }, undefined, by);
    await until('it says what it waits for', async () =>
      taskOf((await by.get(runId))!, 'a').progress?.what.includes('exceeded quota: room'),
    );
    await lift();
    expect(taskOf(await ended(by, runId, { limitMs: 50_000 }), 'a')).toMatchObject({ status: 'succeeded', attempt: 1 });
    await end();
  });

  it('a quota that stays used up ends the task at its queuedTimeout, and it is not tried again', async () => {
    const { by, end } = await withQuota({ 'count/jobs.batch': '0' });
    const runId = await submit({ a: command('true', { queuedTimeout: '1s', retry: { limit: 3 } }) }, undefined, by);
    const a = taskOf(await ended(by, runId), 'a');
    expect(a).toMatchObject({ status: 'timed_out', attempt: 1 });
    expect(a.error).toMatch(/did not start within its queuedTimeout of 1s: .*exceeded quota: room/);
    await end();
  });

  it('a pod that has not started within startWithin has crashed, with what it waited for', async () => {
    const { by, own, end } = await alone({ startWithin: '1s', nodeSelector: { nowhere: 'at-all' } });
    const runId = await submit({ a: command('true') }, undefined, by);
    const [attempt] = await until('its first attempt has ended', async () => {
      const ends = await own.db.query<{ status: string; error: string }>(
        'select status, error from mlops.task_attempts where run_id = $1 and attempt = 1 and ended_at is not null',
        [runId],
      );
      return ends.length > 0 && ends;
    });
    expect(attempt?.status).toBe('crashed');
    expect(attempt?.error).toMatch(/^it did not start within 1s: no node takes the pod/);
    await by.cancel(runId, 'ada');
    expect((await ended(by, runId)).status).toBe('cancelled');
    await end();
  });

  it('a program finds the trace that its spans are below, and its item', async () => {
    const runId = await submit({ a: command('echo "$TRACEPARENT $MLOPS_ITEM $MLOPS_INDEX"', { forEach: [{ x: 1 }] }) });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect(await log(runId, 'a[0]')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01] \{"x":1\} 0\n$/m);
    await gone(runId);
  });

  it('an image that cannot be had is told, and fails the task once that does not pass', async () => {
    kubelet.behave('missing:1', async (_, set) => {
      const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "missing:1"' };
      await set({
        phase: 'Pending',
        containerStatuses: [
          { name: 'task', image: 'missing:1', imageID: '', ready: false, restartCount: 0, state: { waiting } },
        ],
      });
    });
    const runId = await submit({ a: command('true', { kubernetes: { image: 'missing:1' } }) });
    const task = taskOf(await ended(orchestrator, runId), 'a');
    expect(task.status).toBe('failed');
    expect(task.error).toContain('PL234');
    expect(task.error).toContain('the image missing:1 cannot be had (ImagePullBackOff): Back-off pulling image');
    await gone(runId);
  });

  it('each item of a list is a Job of its own, and finding the items is none', async () => {
    const runId = await submit({
      a: command('echo "{\\"is\\": \\"$ITEM\\"}" > "$MLOPS_OUTPUTS"', {
        forEach: ['x', 'y'],
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of the spec
        env: { ITEM: '${item}' },
      }),
    });
    const run = await ended(orchestrator, runId);
    expect(run.status).toBe('succeeded');
    const jobs = await rig.db.query<{ name: string; outside: boolean }>(
      `select t.name, a.external is not null as outside from mlops.task_attempts a
       join mlops.tasks t on t.run_id = a.run_id and t.ordinal = a.ordinal where a.run_id = $1 order by t.name`,
      [runId],
    );
    expect(jobs).toEqual([
      { name: 'a', outside: false },
      { name: 'a[0]', outside: true },
      { name: 'a[1]', outside: true },
    ]);
    await gone(runId);
  });

  it('a program that is not in the image cannot be started', async () => {
    const runId = await submit({ a: command(['no-such-program']) });
    expect(taskOf(await ended(orchestrator, runId), 'a')).toMatchObject({ status: 'failed', exitCode: 128 });
  });

  it('outputs that are more than a pod can tell fail the task, and say so', async () => {
    const runId = await submit({ a: command(`printf '{"x": "%05000d"}' 1 > "$MLOPS_OUTPUTS"`) });
    const task = taskOf(await ended(orchestrator, runId), 'a');
    expect(task.status).toBe('failed');
    expect(task.error).toContain('4095 bytes');
  });

  it('code that is more than a Secret holds is refused before a Job is made', async () => {
    const digest = await rig.file('x'.repeat(1_100_000));
    const runId = await submit({ a: command('true', { bundle: { digest: 'd', files: { big: digest } } }) });
    expect(taskOf(await ended(orchestrator, runId), 'a').error).toContain('PL233');
    expect(await jobsOf(runId)).toEqual([]);
  });

  it('Jobs whose attempt is over or unknown are removed, those of others are not', async () => {
    const owner = await rig.runs.externalOwner();
    const name = { owner, runId: randomUUID(), pipeline: 'p', task: 'gone', attempt: 1 };
    const orphan = (metadata: object) => ({
      metadata,
      spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'x', image: 'x' }] } } },
    });
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    await api.call(
      'POST',
      path,
      orphan({ name: 'theirs', labels: { ...labelsOf(name), 'mlops.dev/owner': randomUUID() } }),
    );
    await api.call(
      'POST',
      path,
      orphan({ name: 'ours', labels: labelsOf(name), annotations: { 'mlops.dev/task-name': 'gone' } }),
    );
    await until('the orphan is removed', async () => (await api.call('GET', `${path}/ours`)).status === 404);
    expect((await api.call('GET', `${path}/theirs`)).status).toBe(200);
    await api.call('DELETE', `${path}/theirs?propagationPolicy=Background`);
  });

  it('a daemon that stops leaves its Job running, and the next one sees it to its end, log and outputs included', async () => {
    await orchestrator.close();
    const first = open({ node: 'first' });
    await first.worker.start();
    const runId = await submit(
      {
        a: command(
          'for i in 1 2 3 4 5 6; do echo "tick $i"; sleep 0.4; done; echo "{\\"done\\": true}" > "$MLOPS_OUTPUTS"',
        ),
      },
      undefined,
      first,
    );
    const readLog = async (by: Orchestrator): Promise<string> =>
      (await collect(by.logs(runId, 'a', { signal: AbortSignal.timeout(10_000) }))).join('');
    await until('it ticks', async () => (await readLog(first)).includes('tick 2'));
    await first.worker.drain();
    await first.close();
    const job = await jobOf(runId);
    expect(kubelet.runs(podOf(job))).toBe(true);
    orchestrator = open({ node: 'second' });
    await orchestrator.scheduler.start();
    await orchestrator.worker.start();
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'succeeded', attempt: 1, outputs: { done: true } });
    expect((await log(runId, 'a')).match(/tick \d/g)).toEqual([
      'tick 1',
      'tick 2',
      'tick 3',
      'tick 4',
      'tick 5',
      'tick 6',
    ]);
    expect(kubelet.started.filter((name) => name.startsWith(job['metadata'].name))).toHaveLength(1);
    await gone(runId);
  });
});
