// A project of one feature set with 50 features over 10,000 entities, in a folder of its own, with LMDB and with Redis.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const FEATURES = Array.from({ length: 50 }, (_, index) => `f${String(index).padStart(2, '0')}`);
export const ENTITIES = 10_000;

export function makeProject(redisUrl) {
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-online-'));
  let seed = 1;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  const rows = Array.from({ length: ENTITIES }, (_, id) =>
    [id, '2026-01-01T00:00:00Z', ...FEATURES.map(() => (random() * 100).toFixed(6))].join(','),
  );
  writeFileSync(join(folder, 'data.csv'), `${['id', 'at', ...FEATURES].join(',')}\n${rows.join('\n')}\n`);
  writeFileSync(
    join(folder, 'mlops.config.yaml'),
    JSON.stringify({
      project: 'bench',
      environments: { dev: {}, ...(redisUrl !== undefined && { redis: { online: { redis: redisUrl } } }) },
      resources: [
        { kind: 'Source', name: 'data', file: 'data.csv' },
        { kind: 'Entity', name: 'thing', keys: { id: 'int64' } },
        {
          kind: 'FeatureSet',
          name: 'wide',
          entity: 'thing',
          source: 'data',
          eventTime: 'at',
          features: Object.fromEntries(FEATURES.map((name) => [name, 'float64'])),
        },
      ],
    }),
  );
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/** A server of the distribution on a free port; undefined where there is none. */
export async function startRedis() {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined;
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-redis-'));
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'],
    { stdio: 'ignore' },
  );
  const answers = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  while (!(await answers())) await delay(50);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
