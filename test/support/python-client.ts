/**
 * Other projects' clients from PyPI, each in a Python environment of its own: found where `scripts/python-environment.sh` made it. In CI a
 * missing one is a failure; elsewhere the tests are left out, and say what is missing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where what is slow to make is kept, outside of the tree. */
export const CACHE =
  process.env['MLOPS_CI_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mlops-ci');

export interface PythonEnvironment {
  /** The folder of the tests, with `requirements.txt` and `client.py`. */
  readonly folder: string;
  /** The interpreter. */
  readonly python: string;
  /** False where it was not made and that is no failure. */
  readonly isThere: boolean;
}

/** Of `test/NAME`. */
export function pythonEnvironment(name: 'feast' | 'inference' | 'mlflow'): PythonEnvironment {
  const folder = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const wanted = readFileSync(join(folder, 'requirements.txt'), 'utf8').trim().split('\n')[0] ?? '';
  const home = join(CACHE, wanted.replace(/\[.*\]/, '').replace('==', '-'));
  const isThere = existsSync(join(home, 'complete'));
  if (!isThere) leftOut(`${wanted} is missing in ${home}: run scripts/python-environment.sh ${name}`);
  return { folder, python: join(home, 'bin/python'), isThere };
}

/** Says so; in CI it throws. */
export function leftOut(missing: string): void {
  if (process.env['CI'] !== undefined) throw new Error(missing);
  process.stderr.write(`\ntests are LEFT OUT: ${missing}\n\n`);
}

export interface PythonClient {
  /** A line of JSON to `client.py`, and the line that it answers. */
  ask(message: object): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

export async function startPythonClient(
  { folder, python }: PythonEnvironment,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<PythonClient> {
  const child = spawn(python, [join(folder, 'client.py'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const problems = problemsOf(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new Error(`the client in ${folder} ended:\n${problems()}`);
      if (line.value.startsWith('{')) return JSON.parse(line.value) as Record<string, unknown>;
    }
  };
  await next();
  return {
    ask: (message) => {
      child.stdin.write(`${JSON.stringify(message)}\n`);
      return next();
    },
    stop: () => ended(child, () => child.stdin.end()),
  };
}

/** What it has written to standard error so far. */
export function problemsOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}

/** Resolves when the process is gone. */
export async function ended(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  ask();
  await gone;
}
