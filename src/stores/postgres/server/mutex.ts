/**
 * One process at a time starts or stops the server. A lock of files that survives kill -9 of its holder.
 *
 * The lock is the file `mutex.<n>` with the highest n; it holds its owner's identity, or nothing once released. Who finds
 * it released, or its owner dead, creates `mutex.<n+1>` exclusively, then looks again: was a higher one there already (the
 * file n+1 had come and gone while this process slept), it steps back. The highest file is never deleted, so nobody can
 * take away a lock that somebody holds, which is where removing "stale" lock files goes wrong.
 */
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { giveTo } from './give.ts';
import { formatIdentity, isAlive, ownIdentity, parseIdentity } from './process-identity.ts';

const POLL_MS = 8;
/** A lock file without an owner's name yet: its writer is between two system calls, or was killed there. */
const UNNAMED_GRACE_MS = 2_000;
/** A holder that cannot be seen from here (another container) is taken for dead after this time. */
const UNSEEN_GRACE_MS = 30_000;
const RELEASED = 'released';

/** Runs `body` alone among all processes that use this directory. */
export async function withMutex<T>(
  directory: string,
  signal: AbortSignal | undefined,
  body: () => Promise<T>,
): Promise<T> {
  const file = await acquire(directory, signal);
  try {
    return await body();
  } finally {
    // Where the directory is gone, nobody is left to wait.
    await writeFile(file, RELEASED, { flag: 'r+' })
      .then(() => truncate(file, RELEASED.length))
      .catch(ignoreAbsence);
  }
}

async function acquire(directory: string, signal: AbortSignal | undefined): Promise<string> {
  const me = formatIdentity(await ownIdentity());
  for (;;) {
    signal?.throwIfAborted();
    const highest = (await generations(directory)).at(-1) ?? 0;
    if (highest === 0 || (await isFree(path(directory, highest)))) {
      const mine = highest + 1;
      const file = path(directory, mine);
      const created = await writeFile(file, me, { flag: 'wx', mode: 0o644 }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false;
          throw error;
        },
      );
      if (created) {
        await giveTo(await stat(directory), file);
        const all = await generations(directory);
        if (all.at(-1) === mine) {
          await Promise.all(all.slice(0, -1).map((old) => rm(path(directory, old), { force: true })));
          return file;
        }
        await rm(file, { force: true });
      }
    }
    await delay(POLL_MS + Math.random() * POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

async function isFree(file: string): Promise<boolean> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.startsWith(RELEASED)) return true;
    const owner = parseIdentity(text);
    if (owner !== undefined) {
      const alive = await isAlive(owner);
      if (alive !== undefined) return !alive;
    }
    const ageMs = Date.now() - (await stat(file)).mtimeMs;
    return ageMs > (owner === undefined ? UNNAMED_GRACE_MS : UNSEEN_GRACE_MS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function path(directory: string, generation: number): string {
  return join(directory, `mutex.${generation}`);
}

async function generations(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(directory)) {
    const [, digits] = /^mutex\.(\d+)$/.exec(name) ?? [];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers.sort((a, b) => a - b);
}

function ignoreAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
