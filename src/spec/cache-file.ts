/**
 * What was worked out once for a text and is asked again on every command, kept in one file under `.mlops/cache`: answers by
 * the digest of what they were made from. It may be deleted at any time; a folder that cannot be written costs time, nothing else.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CacheFile<T> {
  readonly get: (key: string) => T | undefined;
  readonly set: (key: string, value: T) => void;
  /** Keeps what was asked or set since it was opened, and nothing else. */
  readonly save: () => void;
}

/** `name` carries the version of the format. Read when first asked. */
export function openCacheFile<T>(root: string, name: string): CacheFile<T> {
  const file = join(root, '.mlops', 'cache', `${name}.json`);
  let known: Map<string, T> | undefined;
  const used = new Map<string, T>();
  let fresh = false;
  return {
    get: (key) => {
      known ??= read<T>(file);
      const value = used.get(key) ?? known.get(key);
      if (value !== undefined) used.set(key, value);
      return value;
    },
    set: (key, value) => {
      used.set(key, value);
      fresh = true;
    },
    save: () => {
      if (fresh) write(file, used);
    },
  };
}

function read<T>(file: string): Map<string, T> {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, T>));
  } catch {
    // Not there or damaged: everything is worked out again.
    return new Map();
  }
}

function write<T>(file: string, entries: ReadonlyMap<string, T>): void {
  const writing = `${file}.${process.pid}.writing`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(writing, JSON.stringify(Object.fromEntries(entries)));
    renameSync(writing, file);
  } catch {
    return;
  }
}
