import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCluster } from '../../../src/orchestrator/runners/kubernetes/cluster.ts';
import { jobsIn } from '../../../src/orchestrator/runners/kubernetes/jobs.ts';
import { judgeJob } from '../../../src/orchestrator/runners/kubernetes/judge.ts';
import { jobName } from '../../../src/orchestrator/runners/kubernetes/names.ts';
import { followPodLog, type LogPosition } from '../../../src/orchestrator/runners/kubernetes/pod-log.ts';
import { exceededQuota } from '../../../src/orchestrator/runners/kubernetes/quota.ts';
import { createJobWatcher } from '../../../src/orchestrator/runners/kubernetes/watcher.ts';
import { type FakeCluster, fakeCluster, recorded, type Script, status } from '../../support/fake-cluster.ts';
import { until } from '../../support/orchestrator.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

let directory: TemporaryDirectory;
let fake: FakeCluster | undefined;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await fake?.close();
  await directory.remove();
});

async function open(script: Script) {
  const kubeconfig = join(directory.path, 'kubeconfig');
  fake = await fakeCluster(kubeconfig, script);
  return openCluster({ kubeconfig, variables: {} });
}

const signal = AbortSignal.timeout(30_000);
const JOBS = '/apis/batch/v1/namespaces/ml/jobs';
const PODS = '/api/v1/namespaces/ml/pods';
const LOG = `${PODS}/p/log`;
const job = (name: string, version: string) => ({ metadata: { name, resourceVersion: version } });
const list = (version: string, ...items: object[]) => ({ body: { metadata: { resourceVersion: version }, items } });
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

describe('a call', () => {
  it('is made again after 429, 500 and a connection that broke off, and not after a refusal', async () => {
    const cluster = await open({
      [`GET ${JOBS}/a`]: [
        { status: 429, headers: { 'retry-after': '1' }, body: status(429, 'TooManyRequests') },
        { status: 500, body: status(500, 'InternalError') },
        { lines: ['{"half'], after: 'break' },
        { body: job('a', '1') },
      ],
      [`GET ${JOBS}/b`]: [{ status: 403, body: status(403, 'Forbidden', 'jobs is forbidden') }],
    });
    const began = performance.now();
    expect(await cluster.patiently({ path: `${JOBS}/a`, signal })).toEqual(job('a', '1'));
    // As long as the server asked to be left alone.
    expect(performance.now() - began).toBeGreaterThan(950);
    await expect(cluster.patiently({ path: `${JOBS}/b`, signal })).rejects.toMatchObject({
      status: 403,
      message: 'jobs is forbidden',
    });
    expect(fake!.requests.map(({ url }) => url)).toEqual([...Array(4).fill(`${JOBS}/a`), `${JOBS}/b`]);
    cluster.close();
  });
});

describe('a Job whose creation was answered by nobody', () => {
  const name = { owner: 'o', runId: 'r', pipeline: 'p', task: 't', attempt: 1 };
  const objectName = jobName(name);
  const request = {
    objectName,
    name,
    namespace: 'ml',
    image: 'i',
    pod: {
      image: 'i',
      imagePullPolicy: undefined,
      imagePullSecrets: [],
      serviceAccount: undefined,
      nodeSelector: {},
      tolerations: [],
      queue: undefined,
      priorityClass: undefined,
      runtimeClass: undefined,
      gpuResource: 'g',
      labels: {},
      annotations: {},
      secretEnv: {},
      runAsUser: 1000,
    },
    program: { argv: ['x'], env: {}, secretEnv: {}, workFiles: {}, ioFiles: {} },
    resources: undefined,
    timeout: undefined,
    deadlineInMs: null,
    killGraceMs: 1000,
    keepFinishedMs: 1000,
  };

  it('is found when it is made again, and adopted', async () => {
    const labels = {
      'app.kubernetes.io/managed-by': 'mlops',
      'mlops.dev/owner': 'o',
      'mlops.dev/run': 'r',
      'mlops.dev/attempt': '1',
    };
    const cluster = await open({
      // The write happened; its answer did not come.
      [`POST ${JOBS}`]: [{ lines: [''], after: 'break' }, recorded('job-there')],
      [`GET ${JOBS}/${objectName}`]: [
        {
          body: {
            metadata: { name: objectName, uid: 'u', labels: { ...labels, 'mlops.dev/task': 'e3b98a4da31a127d4bde' } },
          },
        },
      ],
    });
    const found = await jobsIn(cluster, 'ml').ensure(request, signal);
    expect(found.metadata.uid).toBe('u');
    cluster.close();
  });

  it('is refused where the one of its name carries other labels', async () => {
    const cluster = await open({
      [`POST ${JOBS}`]: [recorded('job-there')],
      [`GET ${JOBS}/${objectName}`]: [
        { body: { metadata: { name: objectName, labels: { 'mlops.dev/owner': 'another' } } } },
      ],
    });
    await expect(jobsIn(cluster, 'ml').ensure(request, signal)).rejects.toMatchObject({ code: 'PL232' });
    cluster.close();
  });

  it.each([
    ['job-invalid', 'a lowercase RFC 1123 subdomain'],
    ['namespace-missing', 'namespaces "mlops-recorded" not found'],
  ])('is refused in the words of the API server: %s', async (answer, words) => {
    const cluster = await open({ [`POST ${JOBS}`]: [recorded(answer)] });
    await expect(jobsIn(cluster, 'ml').ensure(request, signal)).rejects.toMatchObject({
      code: 'PL231',
      detail: expect.stringContaining(words),
    });
    cluster.close();
  });

  it('for which the namespace has no room is told from one that is refused for good', async () => {
    const cluster = await open({ [`POST ${JOBS}`]: [recorded('job-over-quota'), recorded('job-invalid')] });
    const refusal = () => jobsIn(cluster, 'ml').ensure(request, signal).catch(exceededQuota);
    expect(await refusal()).toMatch(/exceeded quota: jobs, requested: count\/jobs.batch=1/);
    expect(await refusal()).toBeUndefined();
    cluster.close();
  });

  it('whose pods the namespace has no room for waits, and is no fault', async () => {
    const cluster = await open({ 'GET /api/v1/namespaces/ml/events': [recorded('pods-over-quota')] });
    const refusal = await jobsIn(cluster, 'ml').warningOf(objectName, signal);
    expect(refusal).toBe(recorded('pods-over-quota').body.items?.[0]?.message);
    const job = { metadata: { name: objectName } };
    expect(judgeJob({ job, pods: [], refusal }, { image: 'i', queue: undefined, memory: undefined })).toMatchObject({
      kind: 'waiting',
      because: 'wait',
      what: expect.stringContaining('exceeded quota: pods'),
    });
    cluster.close();
  });
});

describe('the watch', () => {
  it('begins anew after 410 Gone: what is not listed any more is gone', async () => {
    const cluster = await open({
      [`GET ${JOBS}?labelSelector`]: [list('5', job('old', '4'), job('kept', '5')), list('9', job('kept', '8'))],
      [`GET ${JOBS}?watch`]: [
        {
          lines: [
            event('ADDED', job('new', '6')),
            event('ERROR', { code: 410, reason: 'Expired', message: 'too old' }),
          ],
        },
        { lines: [], after: 'open' },
      ],
      [`GET ${PODS}?labelSelector`]: [list('1')],
      [`GET ${PODS}?watch`]: [{ lines: [], after: 'open' }],
    });
    const watcher = createJobWatcher({ cluster, namespace: 'ml', selector: 's', report: () => {} });
    await watcher.start();
    expect(watcher.get('old').job).toBeDefined();
    await until('the new list is taken', () => watcher.get('old').job === undefined);
    expect(watcher.get('new').job).toBeUndefined();
    expect(watcher.get('kept').job).toEqual(job('kept', '8'));
    watcher.stop();
    cluster.close();
  });

  it('goes on where it broke off, without a new list', async () => {
    const cluster = await open({
      [`GET ${JOBS}?labelSelector`]: [list('5')],
      [`GET ${JOBS}?watch`]: [
        {
          lines: [event('ADDED', job('a', '6')), event('BOOKMARK', job('', '7')), '{"type":"ADDED","obj'],
          after: 'break',
        },
        { lines: [event('ADDED', job('b', '8')), event('DELETED', job('a', '9'))], after: 'open' },
      ],
      [`GET ${PODS}?labelSelector`]: [list('1')],
      [`GET ${PODS}?watch`]: [{ lines: [], after: 'open' }],
    });
    const watcher = createJobWatcher({ cluster, namespace: 'ml', selector: 's', report: () => {} });
    await watcher.start();
    await until(
      'the second watch tells',
      () => watcher.get('b').job !== undefined && watcher.get('a').job === undefined,
    );
    const watches = fake!.requests.filter(({ url }) => url.startsWith(`${JOBS}?watch`));
    expect(watches.map(({ url }) => new URL(url, 'http://x').searchParams.get('resourceVersion'))).toEqual(['5', '7']);
    expect(fake!.requests.filter(({ url }) => url.startsWith(`${JOBS}?labelSelector`))).toHaveLength(1);
    watcher.stop();
    cluster.close();
  });
});

describe('a log', () => {
  const at = (fraction: string, text: string): string => `2026-11-26T10:00:00.${fraction}Z ${text}\n`;

  async function taken(script: Script[string], from?: LogPosition) {
    const cluster = await open({ [`GET ${LOG}`]: script });
    const texts: string[] = [];
    let position: LogPosition | undefined;
    const ended = () => fake!.requests.length >= script.length - 1;
    await followPodLog({
      cluster,
      namespace: 'ml',
      pod: 'p',
      from,
      write: (text, next) => {
        texts.push(text);
        position = next ?? position;
      },
      room: async () => {},
      ended,
      signal,
    });
    cluster.close();
    return { text: texts.join(''), position };
  }

  it('has each line once where connections break, lines of one nanosecond and half lines included', async () => {
    const all = [at('1', 'one'), at('2', 'two'), at('2', 'two'), at('2', 'three'), at('3', 'four')];
    const { text } = await taken([
      { lines: [all[0]!, all[1]!, all[2]!.slice(0, 40)], after: 'break' },
      { lines: [...all.slice(0, 3), all[3]!.slice(0, 20)], after: 'break' },
      { lines: all },
    ]);
    expect(text).toBe('one\ntwo\ntwo\nthree\nfour\n');
  });

  it('is read on from the place that another daemon left it at', async () => {
    const all = [at('1', 'one'), at('2', 'two'), at('2', 'three'), at('2', 'four'), 'and 2026-11-26'];
    const from = { pod: 'p', time: '2026-11-26T10:00:00.2Z', lines: 2 };
    const { text } = await taken([{ lines: all.slice(0, 4) }], from);
    expect(text).toBe('four\n');
  });

  it('keeps a last line that has no end', async () => {
    expect((await taken([{ lines: [at('1', 'one'), at('2', 'two').trimEnd()] }])).text).toBe('one\ntwo');
  });
});
