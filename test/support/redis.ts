/**
 * Redis servers of the distribution, each on a free port of this machine with a directory of its own: one alone, a master
 * with replica and sentinels, a cluster. In CI a missing `redis-server` is a failure; elsewhere `withRedis` leaves tests out.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** False where there is no redis-server and that is no failure. */
export const withRedis: boolean = (() => {
  const found = spawnSync('redis-server', ['--version']).status === 0;
  if (!found && process.env['CI'] !== undefined)
    throw new Error('redis-server is missing: apt-get install redis-server');
  return found;
})();

export interface TestRedis {
  readonly port: number;
  readonly url: string;
  readonly pid: () => number;
  /** One command, its answer as the client gives it. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** SIGKILL, and gone. */
  kill(): Promise<void>;
  /** Again on the same port and directory, where it does not run. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisOptions {
  readonly args?: readonly string[];
  readonly password?: string;
  /** Instead of the next free one. */
  readonly port?: number;
}

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const directory = await temporaryDirectory('mlops-test-redis-');
  const port = options.port ?? (await freePort());
  const auth = options.password === undefined ? [] : ['--requirepass', options.password];
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory.path, '--save', '', ...auth];
  const args = [...own, ...(options.args ?? [])];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) return;
    const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    let log = '';
    for (const stream of [started.stdout, started.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
    await eventually(async () => {
      if (started.exitCode !== null) throw new Error(`redis-server ended with ${started.exitCode}:\n${log}`);
      await once(port, options.password, (client) => client.ping());
    });
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = child;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await gone;
  }

  await start();
  return {
    port,
    url: `redis://${options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`}127.0.0.1:${port}/0`,
    pid: () => child?.pid ?? 0,
    command: (name, ...rest) => once(port, options.password, (client) => client.call(name, ...rest)),
    kill: () => kill(),
    start,
    stop: async () => {
      await kill();
      await directory.remove();
    },
  };
}

export interface TestSentinels {
  readonly master: TestRedis;
  readonly replica: TestRedis;
  readonly name: string;
  /** `host:port` of each sentinel. */
  readonly nodes: readonly string[];
  stop(): Promise<void>;
}

/** A master, its replica and three sentinels that agree within a second that the master is gone. */
export async function startSentinels(): Promise<TestSentinels> {
  const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
  await eventually(async () => {
    if (!String(await replica.command('INFO', 'replication')).includes('master_link_status:up'))
      throw new Error('no replica yet');
  });
  const directory = await temporaryDirectory('mlops-test-sentinel-');
  const { writeFileSync } = await import('node:fs');
  const children: ChildProcess[] = [];
  const ports: number[] = [];
  for (let index = 0; index < 3; index += 1) {
    const port = await freePort();
    const file = join(directory.path, `sentinel-${index}.conf`);
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory.path}`,
      `sentinel monitor main 127.0.0.1 ${master.port} 2`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 3000',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    children.push(spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' }));
    ports.push(port);
  }
  for (const port of ports)
    await eventually(
      () =>
        once(port, undefined, async (client) => {
          const text = JSON.stringify(await client.call('SENTINEL', 'masters'));
          if (!text.includes('"num-other-sentinels","2"') || !text.includes('"num-slaves","1"'))
            throw new Error('the sentinels do not know each other yet');
        }),
      30_000,
    );
  return {
    master,
    replica,
    name: 'main',
    nodes: ports.map((port) => `127.0.0.1:${port}`),
    stop: async () => {
      await Promise.all(children.map(ended));
      await Promise.all([master.stop(), replica.stop()]);
      await directory.remove();
    },
  };
}

export interface TestCluster {
  readonly nodes: readonly TestRedis[];
  /** Each node's, as clients know it: a proxy before it. */
  readonly addresses: readonly string[];
  /** The round trips to each node so far. */
  turns(): readonly number[];
  stop(): Promise<void>;
}

/** Three masters without replicas, each with a third of the slots; one that is gone takes its third with it. */
export async function startCluster(): Promise<TestCluster> {
  const nodes: TestRedis[] = [];
  const proxies: TcpProxy[] = [];
  for (let index = 0; index < 3; index += 1) {
    const port = await freePort();
    const proxy = await startTcpProxy(port);
    proxies.push(proxy);
    const bus = await freePort();
    const own = [
      '--cluster-node-timeout',
      '1000',
      '--cluster-port',
      `${bus}`,
      '--cluster-announce-port',
      `${proxy.port}`,
    ];
    nodes.push(await startRedis({ port, args: ['--cluster-enabled', 'yes', ...own] }));
  }
  const bounds = [0, 5461, 10923, 16384];
  for (const [index, node] of nodes.entries())
    await node.command('CLUSTER', 'ADDSLOTSRANGE', bounds[index] ?? 0, (bounds[index + 1] ?? 0) - 1);
  const [first, ...others] = nodes;
  for (const node of others) {
    const busPort = /cluster-port\D+(\d+)/.exec(
      JSON.stringify(await node.command('CONFIG', 'GET', 'cluster-port')),
    )?.[1];
    await first?.command('CLUSTER', 'MEET', '127.0.0.1', node.port, Number(busPort));
  }
  for (const node of nodes)
    await eventually(async () => {
      const info = String(await node.command('CLUSTER', 'INFO'));
      if (!info.includes('cluster_state:ok') || !info.includes('cluster_known_nodes:3'))
        throw new Error('the cluster is not whole yet');
    }, 30_000);
  return {
    nodes,
    addresses: proxies.map(({ port }) => `127.0.0.1:${port}`),
    turns: () => proxies.map((proxy) => proxy.turns()),
    stop: async () => {
      await Promise.all([...nodes.map((node) => node.stop()), ...proxies.map((proxy) => proxy.close())]);
    },
  };
}

async function once<T>(port: number, password: string | undefined, body: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    ...(password !== undefined && { password }),
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await body(client);
  } finally {
    client.disconnect();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Below 32,768: nothing that connects out takes it in between. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
