/** The mutex of files among processes that are killed while they hold it. */
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withMutex } from '../../src/stores/postgres/server/mutex.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const JITI = fileURLToPath(new URL('../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const CHILD = fileURLToPath(new URL('../support/mutex-child.ts', import.meta.url));

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

/** Answers how often the child added one, and whether it was killed. */
async function child(rounds: number, seed: number): Promise<{ readonly added: number; readonly killed: boolean }> {
  const started = spawn(process.execPath, [JITI, CHILD, directory.path, String(rounds), String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let added = 0;
  started.stdout.on('data', (chunk: Buffer) => {
    added += chunk.length;
  });
  return new Promise((resolve) => {
    started.once('close', (_code, signal) => resolve({ added, killed: signal === 'SIGKILL' }));
  });
}

describe('the mutex', () => {
  it('lets one in at a time, and the next in when its holder is killed', async () => {
    await writeFile(join(directory.path, 'number'), '0');
    const seeds = Array.from({ length: 8 }, (_, index) => 1000 + index * 77);
    const outcomes = await Promise.all(seeds.map((seed) => child(12, seed)));
    expect(outcomes.some(({ killed }) => killed)).toBe(true);
    const added = outcomes.reduce((sum, outcome) => sum + outcome.added, 0);
    expect(added).toBeGreaterThan(8);
    expect(Number(await readFile(join(directory.path, 'number'), 'utf8'))).toBe(added);
  });

  it('lets one in at a time also within a process, and goes on after one that threw', async () => {
    let inside = 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        withMutex(directory.path, undefined, async () => {
          inside += 1;
          expect(inside).toBe(1);
          await new Promise(setImmediate);
          inside -= 1;
          if (index === 3) throw new Error('no');
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(await readdir(directory.path)).toHaveLength(1);
  });

  it('is free again where its holder was killed before it had written its name', async () => {
    await writeFile(join(directory.path, 'mutex.7'), '');
    expect(await withMutex(directory.path, undefined, async () => 'in')).toBe('in');
  });

  it('stops waiting when it is told to', async () => {
    const abort = new AbortController();
    await withMutex(directory.path, undefined, async () => {
      const waiting = withMutex(directory.path, abort.signal, async () => 'in');
      abort.abort();
      await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    });
  });
});
