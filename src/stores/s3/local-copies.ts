/** Copies of artifacts as files of this machine, for what reads a path: fetched once, verified, and not more of them than a limit holds. */
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { RemovableArtifacts } from '../artifacts.ts';

/** Whoever asked for a copy has read it by then. */
const KEPT_AT_LEAST_MS = 3_600_000;

export interface LocalCopies {
  /** Of the copy, made by `fetch` where there is none that is whole. */
  path(digest: string, fetch: () => Promise<Readable>): Promise<string>;
  forget(digests: readonly string[]): Promise<void>;
}

/** `files` keeps them in `directory`. */
export function createLocalCopies(
  files: RemovableArtifacts,
  { directory, mostBytes, now }: { readonly directory: string; readonly mostBytes: number; readonly now: () => number },
): LocalCopies {
  const fetching = new Map<string, Promise<string>>();

  const make = async (digest: string, fetch: () => Promise<Readable>): Promise<string> => {
    const kept = await files.localPath(digest).catch(() => undefined);
    if (kept === undefined) {
      await files.put(await fetch(), digest);
      await makeRoom();
    }
    const path = kept ?? (await files.localPath(digest));
    const at = new Date(now());
    await utimes(path, at, at).catch(() => {});
    return path;
  };

  /** Those that were asked for longest ago go first. */
  const makeRoom = async (): Promise<void> => {
    const copies = await allCopies(directory);
    let total = copies.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes, usedAt } of copies.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= mostBytes || usedAt > now() - KEPT_AT_LEAST_MS) return;
      await rm(path, { force: true });
      total -= bytes;
    }
  };

  return {
    path: (digest, fetch) => {
      const under = fetching.get(digest);
      if (under !== undefined) return under;
      const made = make(digest, fetch).finally(() => fetching.delete(digest));
      fetching.set(digest, made);
      return made;
    },
    forget: (digests) => files.remove(digests),
  };
}

async function allCopies(directory: string) {
  const copies: { path: string; bytes: number; usedAt: number }[] = [];
  for (const folder of await readdir(directory).catch(() => [])) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    for (const name of await readdir(join(directory, folder)).catch(() => [])) {
      const path = join(directory, folder, name);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) copies.push({ path, bytes: found.size, usedAt: found.mtimeMs });
    }
  }
  return copies;
}
