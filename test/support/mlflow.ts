/** MLflow from PyPI: its client, and its server to compare with. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { ended, problemsOf, pythonEnvironment, startPythonClient } from './python-client.ts';

const environment = pythonEnvironment('mlflow');

export const withMlflow: boolean = environment.isThere;

export interface MlflowClient {
  /** A function of client.py. Rejects with MLflow's error code and message. */
  call(name: string, args?: readonly unknown[], kwargs?: Readonly<Record<string, unknown>>): Promise<never>;
  stop(): Promise<void>;
}

export async function mlflowClient(url: string, env: NodeJS.ProcessEnv = {}): Promise<MlflowClient> {
  const client = await startPythonClient(environment, [url], env);
  return {
    call: async (name, args = [], kwargs = {}) => {
      const answer = await client.ask({ call: name, args, kwargs });
      if (answer['error'] !== undefined) throw new Error(`${answer['error']}: ${answer['message']}`);
      return answer['result'] as never;
    },
    stop: client.stop,
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
    environment.python,
    [
      ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${join(directory, 'mlflow.db')}`],
      ...['--artifacts-destination', join(directory, 'files')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } },
  );
  const problems = problemsOf(child);
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
