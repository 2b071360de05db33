/**
 * A real API server for tests: MLOPS_TEST_KUBECONFIG names the kubeconfig of a cluster that may be used up, with an account
 * that may do everything. Elsewhere those tests are left out, and in CI that is a failure.
 */
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

export const KUBECONFIG = process.env['MLOPS_TEST_KUBECONFIG'];

export function clusterMissing(): boolean {
  if (KUBECONFIG !== undefined && KUBECONFIG !== '') return false;
  if (process.env['CI'] !== undefined) throw new Error('MLOPS_TEST_KUBECONFIG names no cluster, and this is CI');
  return true;
}

/** Objects of Kubernetes, as they come. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails where that is not there
export type KubeObject = Record<string, any>;

export interface Api {
  call<T = KubeObject>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: T }>;
  /** Lines of a stream, until it is destroyed or ends. */
  lines(path: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
}

/** The objects of a list; what is not one is told. */
export function itemsOf({ status, body }: { readonly status: number; readonly body: KubeObject }): KubeObject[] {
  if (!Array.isArray(body['items'])) throw new Error(`no list (${status}): ${JSON.stringify(body)}`);
  return body['items'];
}

/** Plain requests, so that a test sees what is there and not what the code under test believes. */
export function apiOf(kubeconfig = KUBECONFIG ?? ''): Api {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()!.server;
  const agent = new https.Agent({
    keepAlive: true,
    ca: Buffer.from(config.getCurrentCluster()!.caData!, 'base64'),
  });
  const headers = { authorization: `Bearer ${config.getCurrentUser()!.token}` };
  return {
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        const request = https.request(
          server + path,
          {
            method,
            agent,
            headers: { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(text ?? '') },
          },
          (response) => {
            let answer = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => {
              answer += chunk;
            });
            response.on('error', reject);
            response.on('end', () => {
              try {
                resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer === '' ? '{}' : answer) });
              } catch {
                resolve({ status: response.statusCode ?? 0, body: { text: answer } as never });
              }
            });
          },
        );
        request.on('error', reject);
        request.end(text);
      }),
    lines: (path, onLine, signal) =>
      new Promise((resolve) => {
        let rest = '';
        const request = https.request(server + path, { agent, headers, signal }, (response) => {
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            const parts = (rest + chunk).split('\n');
            rest = parts.pop() ?? '';
            for (const line of parts) onLine(line);
          });
          response.on('close', () => resolve());
        });
        request.on('error', () => resolve());
        request.end();
      }),
  };
}

let counter = 0;

/** A namespace of the test's own. */
export async function freshNamespace(api: Api, labels: Record<string, string> = {}): Promise<string> {
  counter += 1;
  const name = `mlops-test-${process.pid}-${Date.now().toString(36)}-${counter}`;
  const made = await api.call('POST', '/api/v1/namespaces', { metadata: { name, labels } });
  if (made.status !== 201) throw new Error(`no namespace: ${JSON.stringify(made.body)}`);
  for (;;) {
    // Pods are refused before it has its default account.
    const { status } = await api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`);
    if (status === 200) return name;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
