/**
 * A Kubernetes API server: who it is and how to be let in is read by @kubernetes/client-node (contexts, client certificates,
 * tokens, exec plugins, OpenID, a pod's own service account), the requests are ours: each can be ended, and none waits for ever.
 */
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { KubeConfig } from '@kubernetes/client-node';
import { MlopsError } from '../../../lib/error.ts';
import { pause } from '../../../lib/pause.ts';
import { ClusterError, isTransient } from './cluster-error.ts';

export interface ClusterSettings {
  /** Path of a kubeconfig. Default: KUBECONFIG, else ~/.kube/config, else the service account of the pod that this runs in. */
  readonly kubeconfig?: string | undefined;
  /** Default: the one that the kubeconfig is set to. */
  readonly context?: string | undefined;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE' | undefined;
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface Cluster {
  /** Of the context. Undefined where it names none. */
  readonly namespace: string | undefined;
  /** The answer's JSON. Throws ClusterError for any status but 2xx, and where there is no answer. */
  call(call: Call): Promise<unknown>;
  /** As `call`, tried again for a while where trying again can help. */
  patiently(call: Call, forMs?: number): Promise<unknown>;
  /** A body that comes bit by bit; it breaks where nothing comes for so long. */
  stream(path: string, query: Query, signal: AbortSignal, silentForMs: number): Promise<Readable>;
  close(): void;
}

const CALL_MS = 30_000;
const PATIENCE_MS = 60_000;
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export function openCluster(settings: ClusterSettings): Cluster {
  const config = readConfig(settings);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) {
    throw new MlopsError('PL231', {
      detail: `The kubeconfig has no context ${JSON.stringify(settings.context ?? config.currentContext)}.`,
      hint: `its contexts: ${config
        .getContexts()
        .map(({ name }) => name)
        .join(', ')}`,
    });
  }
  /** Connections are kept: a handshake for each request would cost more than the request. By certificates, which may be renewed. */
  const agents = new Map<string, http.Agent>();

  async function optionsFor(): Promise<https.RequestOptions> {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const key = [options.ca, options.cert, options.key].map(String).join('\n');
    const agent = agents.get(key) ?? (options.agent as http.Agent & { keepAlive: boolean });
    if (!agents.has(key)) {
      for (const old of agents.values()) old.destroy();
      agents.clear();
      (agent as { keepAlive?: boolean }).keepAlive = true;
      agents.set(key, agent);
    }
    return { ...options, agent };
  }

  async function send(call: Call, timeoutMs: number, keepsOpen: boolean): Promise<http.IncomingMessage> {
    const url = new URL(server + call.path);
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    let options: https.RequestOptions;
    try {
      options = await optionsFor();
    } catch (cause) {
      throw new ClusterError({ status: null, reason: 'Credentials', message: messageOf(cause), cause });
    }
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(
        url,
        {
          ...options,
          method: call.method ?? 'GET',
          signal: call.signal,
          headers: {
            accept: 'application/json',
            ...options.headers,
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          },
        },
        (response) => {
          if (!keepsOpen) response.setTimeout(0);
          resolve(response);
        },
      );
      request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
      request.on('socket', (socket) => socket.setKeepAlive(true, 30_000));
      request.on('error', (cause) => {
        if (call.signal?.aborted) reject(call.signal.reason);
        else reject(new ClusterError({ status: null, reason: 'NoAnswer', message: messageOf(cause), cause }));
      });
      request.end(body);
    });
  }

  async function answerOf(response: http.IncomingMessage, call: Call): Promise<unknown> {
    const text = await textOf(response, call.signal);
    const status = response.statusCode ?? 0;
    let json: unknown;
    try {
      json = text === '' ? {} : JSON.parse(text);
    } catch (cause) {
      if (status < 400)
        throw new ClusterError({ status: null, reason: 'NoAnswer', message: 'the answer is no JSON', cause });
    }
    if (status >= 200 && status < 300) return json;
    const told = (json ?? {}) as { readonly message?: unknown; readonly reason?: unknown };
    const after = Number(response.headers['retry-after']);
    throw new ClusterError({
      status,
      reason: typeof told.reason === 'string' ? told.reason : (http.STATUS_CODES[status] ?? ''),
      message: typeof told.message === 'string' ? told.message : text.slice(0, 500),
      retryAfterMs: Number.isFinite(after) ? after * 1000 : undefined,
    });
  }

  async function call(one: Call): Promise<unknown> {
    return answerOf(await send(one, CALL_MS, false), one);
  }

  async function patiently(one: Call, forMs = PATIENCE_MS): Promise<unknown> {
    const until = performance.now() + forMs;
    for (let delayMs = 100; ; delayMs = Math.min(5_000, delayMs * 2)) {
      try {
        return await call(one);
      } catch (error) {
        if (!isTransient(error) || one.signal?.aborted || performance.now() + delayMs > until) throw error;
        await pause(Math.max(delayMs, error.retryAfterMs ?? 0), one.signal);
        one.signal?.throwIfAborted();
      }
    }
  }

  return {
    namespace: config.getContextObject(config.currentContext)?.namespace ?? ownNamespace(config),
    call,
    patiently,
    stream: async (path, query, signal, silentForMs) => {
      const one: Call = { path, query, signal };
      const response = await send(one, silentForMs, true);
      if (response.statusCode !== 200) await answerOf(response, one);
      return response;
    },
    close: () => {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

function readConfig({ kubeconfig, context, variables }: ClusterSettings): KubeConfig {
  const config = new KubeConfig();
  const home = join(homedir(), '.kube', 'config');
  // Of several files in KUBECONFIG the library merges what each has.
  const named = kubeconfig ?? (variables['KUBECONFIG'] || undefined);
  try {
    if (named !== undefined) for (const file of named.split(':').filter(Boolean)) merge(config, file);
    else if (existsSync(home)) merge(config, home);
    else if (existsSync(join(SERVICE_ACCOUNT, 'token'))) config.loadFromCluster();
    else {
      throw new MlopsError('PL231', {
        detail:
          'There is no kubeconfig: neither runner.kubernetes.kubeconfig nor KUBECONFIG names one, and ~/.kube/config is not there.',
        hint: "runner: { kubernetes: { kubeconfig: env('KUBECONFIG') } }",
      });
    }
  } catch (cause) {
    if (cause instanceof MlopsError) throw cause;
    throw new MlopsError('PL231', { detail: `The kubeconfig cannot be read: ${messageOf(cause)}.`, cause });
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

function merge(config: KubeConfig, file: string): void {
  if (config.clusters === undefined || config.clusters.length === 0) {
    config.loadFromFile(file);
    return;
  }
  const next = new KubeConfig();
  next.loadFromFile(file);
  config.mergeConfig(next, true);
}

function ownNamespace(config: KubeConfig): string | undefined {
  if (config.currentContext !== 'inClusterContext') return undefined;
  try {
    return readFileSync(join(SERVICE_ACCOUNT, 'namespace'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function textOf(response: http.IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => response.destroy(new Error('the answer stopped half-way')), CALL_MS);
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ClusterError({ status: null, reason: 'NoAnswer', message: messageOf(cause), cause });
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
