/** Feast from PyPI: its client, and its feature server to compare with. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ended, problemsOf, pythonEnvironment, startPythonClient } from './python-client.ts';

const environment = pythonEnvironment('feast');

export const withFeast: boolean = environment.isThere;

export interface FeastClient {
  /** Rejects with what Feast raised, as `Class: message`. */
  call(name: 'get' | 'write' | 'push', ...args: readonly unknown[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** `token`: sent as `Authorization: Bearer`. */
export async function feastClient(url: string, directory: string, token = ''): Promise<FeastClient> {
  const client = await startPythonClient(environment, [url, directory, token]);
  return {
    call: async (name, ...args) => {
      const answer = await client.ask({ call: name, args });
      if (answer['error'] !== undefined) throw new Error(`${answer['error']}: ${answer['message']}`);
      return answer['result'];
    },
    stop: client.stop,
  };
}

export interface FeastServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function feastServer(directory: string): Promise<FeastServer> {
  const child = spawn(environment.python, [join(environment.folder, 'server.py'), directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const problems = problemsOf(child);
  for await (const line of createInterface({ input: child.stdout })) {
    if (/^\d+$/.test(line))
      return { url: `http://127.0.0.1:${line}`, stop: () => ended(child, () => child.kill('SIGTERM')) };
  }
  throw new Error(`Feast's server ended:\n${problems()}`);
}
