/**
 * MLflow from PyPI, in a Python environment of its own: its client, and its server to compare with. In CI a missing environment is a
 * failure; elsewhere the tests are left out, and say what is missing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../mlflow');
const wanted = readFileSync(join(folder, 'requirements.txt'), 'utf8').trim().split('\n')[0] ?? '';
const cache =
  process.env['MLOPS_CI_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mlops-ci');
/** `scripts/mlflow-environment.sh` makes it. */
const home = join(cache, wanted.replace('==', '-'));
const python = join(home, 'bin/python');

/** False where the environment was not made and that is no failure. */
export const withMlflow: boolean = (() => {
  if (existsSync(join(home, 'complete')) && spawnSync(python, ['-c', 'import sys']).status === 0) return true;
  const missing = `${wanted} is missing in ${dirname(dirname(python))}: run scripts/mlflow-environment.sh`;
  if (process.env['CI'] !== undefined) throw new Error(missing);
  process.stderr.write(`\ntests with MLflow's client are LEFT OUT: ${missing}\n\n`);
  return false;
})();

export interface MlflowClient {
  /** A function of client.py. Rejects with MLflow's error code and message. */
  call(name: string, args?: readonly unknown[], kwargs?: Readonly<Record<string, unknown>>): Promise<never>;
  stop(): Promise<void>;
}

export async function mlflowClient(url: string, env: NodeJS.ProcessEnv = {}): Promise<MlflowClient> {
  const child = spawn(python, [join(folder, 'client.py'), url], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const problems = collect(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new Error(`MLflow's client ended:\n${problems()}`);
      if (line.value.startsWith('{')) return JSON.parse(line.value) as Record<string, unknown>;
    }
  };
  await next();
  return {
    call: async (name, args = [], kwargs = {}) => {
      child.stdin.write(`${JSON.stringify({ call: name, args, kwargs })}\n`);
      const answer = await next();
      if (answer['error'] !== undefined) throw new Error(`${answer['error']}: ${answer['message']}`);
      return answer['result'] as never;
    },
    stop: () => ended(child, () => child.stdin.end()),
  };
}

export interface MlflowServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** MLflow's own, on SQLite in the directory. */
export async function mlflowServer(directory: string): Promise<MlflowServer> {
  const port = await freePort();
  const child = spawn(
    python,
    [
      ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${join(directory, 'mlflow.db')}`],
      ...['--artifacts-destination', join(directory, 'files')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } },
  );
  const problems = collect(child);
  child.stdout.resume();
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`MLflow's server ended:\n${problems()}`);
      const answer = await fetch(`${url}/health`);
      if (!answer.ok) throw new Error(`MLflow's server answers ${answer.status}`);
    },
    120_000,
    200,
  );
  return {
    url,
    pid: child.pid ?? 0,
    // It starts workers, and they others.
    stop: () => ended(child, () => process.kill(-(child.pid ?? 0), 'SIGKILL')),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}

async function ended(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  ask();
  await gone;
}
