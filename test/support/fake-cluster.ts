/** An API server that says what a test lets it say: plain answers, streams that break off, errors in the words of Kubernetes. */

import { readFileSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Lines of a watch or a log, sent one after the other. */
  readonly lines?: readonly string[];
  /** After the lines: end well, break the connection off, or keep it open. */
  readonly after?: 'end' | 'break' | 'open';
}

export interface FakeCluster {
  readonly requests: readonly { readonly method: string; readonly url: string; readonly body: string }[];
  close(): Promise<void>;
}

/** The answer to the nth request (from 0) whose method and path begin so; the last one stands for all that follow. */
export type Script = Readonly<Record<string, readonly Answer[]>>;

export async function fakeCluster(kubeconfig: string, script: Script): Promise<FakeCluster> {
  const requests: { method: string; url: string; body: string }[] = [];
  const counts = new Map<string, number>();
  const server = http.createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = request.url ?? '';
    requests.push({ method: request.method ?? '', url, body });
    const line = `${request.method} ${url}`;
    const key = Object.keys(script)
      .filter((begin) => line.startsWith(begin))
      .sort((a, b) => b.length - a.length)[0];
    const answers = key === undefined ? undefined : script[key];
    const nth = counts.get(key ?? '') ?? 0;
    counts.set(key ?? '', nth + 1);
    const said = answers?.[Math.min(nth, answers.length - 1)] ?? { status: 404, body: status(404, 'NotFound') };
    response.writeHead(said.status ?? 200, { 'content-type': 'application/json', ...said.headers });
    if (said.lines === undefined) {
      response.end(JSON.stringify(said.body ?? {}));
      return;
    }
    for (const text of said.lines) response.write(text);
    if (said.after === 'break') setTimeout(() => response.destroy(), 20);
    else if (said.after !== 'open') response.end();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { token: 'token' } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'me', namespace: 'ml' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return {
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As an API server says it. */
export function status(code: number, reason: string, message = reason) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

/** What a real API server answered: `node scripts/record-kubernetes.mjs` records it anew. */
export function recorded(
  name: string,
): Answer & { readonly body: { readonly message?: string; readonly items?: readonly { readonly message: string }[] } } {
  return JSON.parse(readFileSync(new URL(`../fixtures/kubernetes/${name}.json`, import.meta.url), 'utf8'));
}
