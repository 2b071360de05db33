/** Daemons as processes that come back when they die, as under systemd; and the processes of tasks, found as the system knows them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildOptions } from '../crash/orchestrator-child.ts';

const JITI = fileURLToPath(new URL('../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../crash/orchestrator-child.ts', import.meta.url));

export interface Daemons {
  /** Those that live now. */
  pids(): readonly number[];
  /** Resolves when each has said that it is ready at least once. */
  ready(): Promise<void>;
  /** How often one came back. */
  returns(): number;
  /** Ends them in good order. */
  stop(): Promise<void>;
}

export function startDaemons(all: readonly ChildOptions[]): Daemons {
  const living = new Map<number, ChildProcess>();
  let isStopping = false;
  let returns = 0;

  function start(slot: number, onReady: () => void): void {
    const child = spawn(process.execPath, [JITI, SCRIPT, JSON.stringify(all[slot])], {
      // What a daemon says while its store is away is no matter of the test.
      stdio: ['pipe', 'pipe', process.env['MLOPS_FAULTS_VERBOSE'] === undefined ? 'ignore' : 'inherit'],
    });
    living.set(slot, child);
    createInterface({ input: child.stdout }).once('line', onReady);
    child.stdin.on('error', () => {});
    child.once('exit', () => {
      living.delete(slot);
      if (isStopping) return;
      returns += 1;
      start(slot, onReady);
    });
  }

  const ready = Promise.all(all.map((_, slot) => new Promise<void>((resolve) => start(slot, resolve))));
  return {
    pids: () => [...living.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    ready: async () => {
      await ready;
    },
    returns: () => returns,
    stop: async () => {
      isStopping = true;
      await Promise.all(
        [...living.values()].map(
          (child) =>
            new Promise<void>((resolve) => {
              child.once('exit', () => resolve());
              child.kill('SIGCONT');
              child.stdin?.end();
            }),
        ),
      );
    },
  };
}

/** Processes of the system that were started for one of the runs. */
export async function processesOf(runIds: readonly string[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (runIds.some((runId) => environment.includes(`MLOPS_RUN_ID=${runId}`))) found.push(Number(name));
  }
  return found;
}
