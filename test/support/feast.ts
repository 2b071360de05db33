/**
 * Feast from PyPI, in a Python environment of its own: its client, and its feature server to compare with. In CI a missing
 * environment is a failure; elsewhere the tests are left out, and say what is missing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../feast');
const wanted = readFileSync(join(folder, 'requirements.txt'), 'utf8').trim();
const cache =
  process.env['MLOPS_CI_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mlops-ci');
/** `scripts/feast-environment.sh` makes it. */
const python = join(cache, wanted.replace('==', '-'), 'bin/python');

/** False where the environment was not made and that is no failure. */
export const withFeast: boolean = (() => {
  const found = spawnSync(python, ['-c', 'import feast']).status === 0;
  if (found) return true;
  const missing = `${wanted} is missing in ${dirname(dirname(python))}: run scripts/feast-environment.sh`;
  if (process.env['CI'] !== undefined) throw new Error(missing);
  process.stderr.write(`\ntests with Feast's client are LEFT OUT: ${missing}\n\n`);
  return false;
})();

export interface FeastClient {
  /** Rejects with what Feast raised, as `Class: message`. */
  call(name: 'get' | 'write' | 'push', ...args: readonly unknown[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** `token`: sent as `Authorization: Bearer`. */
export async function feastClient(url: string, directory: string, token = ''): Promise<FeastClient> {
  const child = spawn(python, [join(folder, 'client.py'), url, directory, token], { stdio: ['pipe', 'pipe', 'pipe'] });
  const problems = collect(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new Error(`Feast's client ended:\n${problems()}`);
      if (line.value.startsWith('{')) return JSON.parse(line.value) as Record<string, unknown>;
    }
  };
  await next();
  return {
    call: async (name, ...args) => {
      child.stdin.write(`${JSON.stringify({ call: name, args })}\n`);
      const answer = await next();
      if (answer['error'] !== undefined) throw new Error(`${answer['error']}: ${answer['message']}`);
      return answer['result'];
    },
    stop: () => ended(child, () => child.stdin.end()),
  };
}

export interface FeastServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function feastServer(directory: string): Promise<FeastServer> {
  const child = spawn(python, [join(folder, 'server.py'), directory], { stdio: ['ignore', 'pipe', 'pipe'] });
  const problems = collect(child);
  for await (const line of createInterface({ input: child.stdout })) {
    if (/^\d+$/.test(line))
      return { url: `http://127.0.0.1:${line}`, stop: () => ended(child, () => child.kill('SIGTERM')) };
  }
  throw new Error(`Feast's server ended:\n${problems()}`);
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
