// Records what a real API server answers to requests that go wrong, for the tests that have none: test/fixtures/kubernetes/NAME.json.
// MLOPS_TEST_KUBECONFIG names the kubeconfig of a cluster that may be used up. What differs from run to run is put in place of a fixed word.
import { mkdirSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KubeConfig } from '@kubernetes/client-node';

const target = join(dirname(fileURLToPath(import.meta.url)), '../test/fixtures/kubernetes');
const namespace = 'mlops-recorded';
const config = new KubeConfig();
config.loadFromFile(process.env.MLOPS_TEST_KUBECONFIG ?? '');
const { server, caData } = config.getCurrentCluster();
const { token } = config.getCurrentUser();

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = https.request(
      server + path,
      {
        method,
        ca: Buffer.from(caData, 'base64'),
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
          ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
        },
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          answer += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(answer.split('\n')[0]) }));
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

async function until(look) {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not come true');
}

const VARYING = {
  uid: '00000000-0000-0000-0000-000000000000',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
  time: '2026-01-01T00:00:00Z',
};

function fixed(value, key = '') {
  if (Array.isArray(value)) return value.map((item) => fixed(item));
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fixed(item, name)]));
  if (VARYING[key] !== undefined && value !== null) return VARYING[key];
  // The names that the server makes up: an event's, a pod's.
  return typeof value === 'string'
    ? value
        .replace(/(recorded[\w-]*)[.-][0-9a-f]{14,}/g, '$1.0')
        .replace(/pods "(recorded-\w+)-\w{5}"/g, 'pods "$1-xxxxx"')
    : value;
}

function record(name, { status, body }) {
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify({ status, body: fixed(body) }, null, 2)}\n`);
  process.stdout.write(`${name}: ${status} ${body.reason ?? body.type ?? body.kind}\n`);
}

const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
const job = (name) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    backoffLimit: 0,
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'local', command: ['true'] }] } },
  },
});
const quota = (name, hard) =>
  call('POST', `/api/v1/namespaces/${namespace}/resourcequotas`, { metadata: { name }, spec: { hard } });

await call('DELETE', `/api/v1/namespaces/${namespace}`);
await until(async () => (await call('GET', `/api/v1/namespaces/${namespace}`)).status === 404);
record('namespace-missing', await call('POST', jobs, job('recorded')));
await call('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
await until(async () => (await call('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`)).status === 200);

record('job-missing', await call('GET', `${jobs}/recorded`));
record('job-invalid', await call('POST', jobs, { ...job('recorded'), metadata: { name: 'Not_A_Name' } }));
await call('POST', jobs, job('recorded'));
record('job-there', await call('POST', jobs, job('recorded')));

await quota('pods', { pods: '0' });
await until(async () => {
  const { body } = await call('GET', `/api/v1/namespaces/${namespace}/resourcequotas/pods`);
  return body.status?.hard?.pods !== undefined;
});
await call('POST', jobs, job('recorded-waits'));
const events = `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.kind%3DJob,involvedObject.name%3Drecorded-waits,type%3DWarning`;
await until(async () => (await call('GET', events)).body.items.length > 0);
record('pods-over-quota', await call('GET', events));

await quota('jobs', { 'count/jobs.batch': '1' });
await until(async () => {
  const { body } = await call('GET', `/api/v1/namespaces/${namespace}/resourcequotas/jobs`);
  return body.status?.used?.['count/jobs.batch'] !== undefined;
});
record('job-over-quota', await call('POST', jobs, job('recorded-more')));
await call('DELETE', `/api/v1/namespaces/${namespace}`);
