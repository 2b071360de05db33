/**
 * A node of a real cluster whose pods run as processes of this machine: what a kubelet does, as far as tests need it. It
 * watches the pods that the scheduler gives it, gives them their files and variables below a folder in place of `/mlops`,
 * tells their states to the API server, and serves their logs as the API server asks for them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Api } from './cluster.ts';

export interface Kubelet {
  readonly node: string;
  /** Selects this node. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** What befalls pods of an image instead of being run. */
  behave(image: string, behaviour: (pod: Pod, set: (status: object) => Promise<void>) => Promise<void>): void;
  /** Breaks every log connection that is open. */
  breakLogs(): void;
  /** Names of pods that were started, in order. */
  readonly started: readonly string[];
  /** Whether a process of the pod runs. */
  runs(pod: string): boolean;
  /** Kills the container's process as the kernel would. */
  kill(pod: string, reason: string): void;
  stop(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes, as they come
export type Pod = any;

interface Container {
  readonly namespace: string;
  readonly home: string;
  child: ChildProcess;
  lines: { readonly time: string; readonly text: string }[];
  rest: string;
  done: boolean;
  reason: string | undefined;
  readonly waiting: Set<() => void>;
}

export async function startKubelet(api: Api): Promise<Kubelet> {
  const folder = mkdtempSync(join(tmpdir(), 'mlops-kubelet-'));
  const node = `test-node-${process.pid}-${Date.now().toString(36)}`;
  const stopping = new AbortController();
  const behaviours = new Map<string, Parameters<Kubelet['behave']>[1]>();
  const containers = new Map<string, Container>();
  const seen = new Set<string>();
  const started: string[] = [];
  const logConnections = new Set<{ destroy(): void }>();

  const keyFile = join(folder, 'key.pem');
  const certFile = join(folder, 'cert.pem');
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=kubelet',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'ignore' },
  );
  const server = https.createServer(
    { key: readFileSync(keyFile), cert: readFileSync(certFile) },
    (request, response) => {
      const url = new URL(request.url ?? '', 'https://kubelet');
      const [, what, namespace, pod] = url.pathname.split('/');
      const container = containers.get(`${namespace}/${pod}`);
      if (what !== 'containerLogs' || container === undefined) {
        response.writeHead(404).end(`no log of ${pod}`);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/plain' });
      logConnections.add(response);
      response.on('close', () => logConnections.delete(response));
      const since = url.searchParams.get('sinceTime');
      const timestamps = url.searchParams.get('timestamps') === 'true';
      let at = since === null ? 0 : container.lines.findIndex(({ time }) => Date.parse(time) >= Date.parse(since));
      if (at < 0) at = container.lines.length;
      const send = (): void => {
        for (; at < container.lines.length; at += 1) {
          const { time, text } = container.lines[at]!;
          response.write(timestamps ? `${time} ${text}` : text);
        }
        if (container.done || url.searchParams.get('follow') !== 'true') {
          container.waiting.delete(send);
          response.end();
        }
      };
      container.waiting.add(send);
      send();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;

  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'Test',
    message: 'it is a test',
    lastHeartbeatTime: '',
    lastTransitionTime: new Date().toISOString(),
  };
  const nodeStatus = () => ({
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    capacity: { cpu: '8', memory: '16Gi', pods: '500', 'nvidia.com/gpu': '2' },
    allocatable: { cpu: '8', memory: '16Gi', pods: '500', 'nvidia.com/gpu': '2' },
    conditions: [{ ...ready, lastHeartbeatTime: new Date().toISOString() }],
  });
  const labels = { 'kubernetes.io/hostname': node, 'mlops.dev/test-node': node };
  await api.call('POST', '/api/v1/nodes', { metadata: { name: node, labels } });
  await api.call('PATCH', `/api/v1/nodes/${node}/status`, { status: nodeStatus() });
  const heartbeat = setInterval(
    () => void api.call('PATCH', `/api/v1/nodes/${node}/status`, { status: nodeStatus() }).catch(() => {}),
    5_000,
  );

  /** One after the other, so that the last word of a pod is the last that the server hears. */
  const telling = new Map<string, Promise<unknown>>();
  async function setStatus(pod: Pod, status: object): Promise<void> {
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`;
    const next = (telling.get(path) ?? Promise.resolve()).then(() =>
      api.call('PATCH', path, { status }).catch(() => {}),
    );
    telling.set(path, next);
    await next;
  }

  async function attend(pod: Pod): Promise<void> {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (pod.metadata.deletionTimestamp !== undefined) {
      const container = containers.get(key);
      if (container !== undefined && !container.done) {
        signal(container.child, 'SIGTERM');
        setTimeout(() => signal(container.child, 'SIGKILL'), (pod.metadata.deletionGracePeriodSeconds ?? 1) * 1000);
        await new Promise((resolve) => container.child.once('exit', resolve));
        await setStatus(pod, { phase: 'Failed' });
      }
      await api.call('DELETE', `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`, {
        gracePeriodSeconds: 0,
      });
      return;
    }
    if (seen.has(key)) return;
    seen.add(key);
    const behaviour = behaviours.get(pod.spec.containers[0].image);
    if (behaviour !== undefined) return behaviour(pod, (status) => setStatus(pod, status));
    await run(pod, key);
  }

  async function run(pod: Pod, key: string): Promise<void> {
    const [spec] = pod.spec.containers;
    const home = join(folder, pod.metadata.uid);
    const here = (path: string): string => path.replaceAll('/mlops/', `${home}/`);
    mkdirSync(join(home, 'work'), { recursive: true });
    const secretOf = async (name: string): Promise<Record<string, string>> => {
      for (;;) {
        const { status, body } = await api.call('GET', `/api/v1/namespaces/${pod.metadata.namespace}/secrets/${name}`);
        // As a kubelet does: it waits until the object is there.
        if (status === 200) return body['data'] ?? {};
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    for (const volume of pod.spec.volumes) {
      if (volume.secret === undefined) continue;
      const data = await secretOf(volume.secret.secretName);
      for (const mount of spec.volumeMounts.filter((one: Pod) => one.name === volume.name)) {
        for (const { key: item, path } of volume.secret.items) {
          if (mount.subPath !== undefined && mount.subPath !== path) continue;
          const file = here(mount.subPath === undefined ? `${mount.mountPath}/${path}` : mount.mountPath);
          mkdirSync(dirname(file), { recursive: true });
          writeFileSync(file, Buffer.from(data[item] ?? '', 'base64'), { mode: volume.secret.defaultMode });
        }
      }
    }
    const env: Record<string, string> = { PATH: process.env['PATH'] ?? '' };
    for (const variable of spec.env) {
      const ref = variable.valueFrom?.secretKeyRef;
      env[variable.name] =
        ref === undefined
          ? here(variable.value ?? '').replaceAll('$$(', '$(')
          : Buffer.from((await secretOf(ref.name))[ref.key] ?? '', 'base64').toString('utf8');
    }
    const startedAt = new Date().toISOString();
    const [program, ...args] = spec.command as string[];
    const child = spawn(program!, args, {
      cwd: here(spec.workingDir),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const container: Container = {
      namespace: pod.metadata.namespace,
      home,
      child,
      lines: [],
      rest: '',
      done: false,
      reason: undefined,
      waiting: new Set(),
    };
    containers.set(key, container);
    started.push(pod.metadata.name);
    const take = (chunk: Buffer): void => {
      const parts = (container.rest + chunk.toString('utf8')).split('\n');
      container.rest = parts.pop() ?? '';
      for (const part of parts) container.lines.push({ time: timeNow(), text: `${part}\n` });
      for (const send of [...container.waiting]) send();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const containerState = (state: object) => ({
      containerStatuses: [{ name: spec.name, image: spec.image, imageID: '', ready: false, restartCount: 0, state }],
    });
    child.once('error', (error) => {
      container.done = true;
      void setStatus(pod, {
        phase: 'Failed',
        ...containerState({
          terminated: {
            exitCode: 128,
            reason: 'StartError',
            message: error.message,
            startedAt,
            finishedAt: new Date().toISOString(),
          },
        }),
      });
    });
    child.once('close', (code, by) => {
      if (child.pid === undefined) return;
      if (container.rest !== '') container.lines.push({ time: timeNow(), text: container.rest });
      container.done = true;
      for (const send of [...container.waiting]) send();
      const exitCode = code ?? (by === 'SIGKILL' ? 137 : 143);
      let message: string | undefined;
      try {
        message = readFileSync(here(spec.terminationMessagePath), 'utf8').slice(-4096);
      } catch {
        message = undefined;
      }
      const reason = container.reason ?? (exitCode === 0 ? 'Completed' : 'Error');
      void setStatus(pod, {
        phase: exitCode === 0 ? 'Succeeded' : 'Failed',
        ...containerState({
          terminated: { exitCode, reason, message, startedAt, finishedAt: new Date().toISOString() },
        }),
      });
    });
    await setStatus(pod, { phase: 'Running', startTime: startedAt, ...containerState({ running: { startedAt } }) });
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      const list = await api.call('GET', `/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`);
      for (const pod of list.body['items'] ?? []) void attend(pod);
      await api.lines(
        `/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3D${node}&resourceVersion=${list.body['metadata'].resourceVersion}&timeoutSeconds=60`,
        (line) => {
          const { type, object } = JSON.parse(line) as { type: string; object: Pod };
          if (type === 'ADDED' || type === 'MODIFIED') void attend(object);
        },
        stopping.signal,
      );
    }
  }
  const watching = watch();

  return {
    node,
    nodeSelector: { 'mlops.dev/test-node': node },
    behave: (image, behaviour) => behaviours.set(image, behaviour),
    breakLogs: () => {
      for (const connection of [...logConnections]) connection.destroy();
    },
    started,
    runs: (pod) => [...containers].some(([key, { done }]) => key.endsWith(`/${pod}`) && !done),
    kill: (pod, reason) => {
      for (const [key, container] of containers) {
        if (!key.endsWith(`/${pod}`)) continue;
        container.reason = reason;
        signal(container.child, 'SIGKILL');
      }
    },
    stop: async () => {
      stopping.abort();
      clearInterval(heartbeat);
      for (const { child } of containers.values()) signal(child, 'SIGKILL');
      await watching;
      await api.call('DELETE', `/api/v1/nodes/${node}`);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With all that it started, as a container's end takes everything in it along. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // Nothing is left of it.
  }
}

let ticks = 0;

/** As a kubelet writes them: nanoseconds, and now and then two lines of the same one. */
function timeNow(): string {
  ticks += 1;
  return `${new Date().toISOString().slice(0, -1)}${String(Math.floor(ticks / 3) % 1000).padStart(3, '0')}000Z`;
}
