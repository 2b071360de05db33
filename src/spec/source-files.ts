/**
 * The files of a source: one, or all that its glob matches. Folders called `name=value` on the way to them are partitions:
 * columns whose values stand in the path.
 */
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { globFiles, isGlob } from './glob.ts';

export interface SourceFile {
  /** As the glob has it, relative to the project with `/`; absolute where the glob is. */
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** Whether a source says all files that match, of which there may be none or many, rather than one. */
export function isManyFiles(file: string | undefined): file is string {
  return file !== undefined && !file.includes('://') && isGlob(file);
}

/** A file whose own name looks like a glob is one file. */
export function areManyFiles(root: string, file: string | undefined): file is string {
  return isManyFiles(file) && !existsSync(resolve(root, file));
}

/** Sorted by path. A file that goes while they are looked at is not there. */
export function sourceFiles(root: string, glob: string): SourceFile[] {
  const absolute = isAbsolute(glob);
  const paths = absolute ? globFiles('/', glob.slice(1)).map((path) => `/${path}`) : globFiles(root, glob);
  return paths.flatMap((path) => {
    const found = statSync(absolute ? path : join(root, path), { throwIfNoEntry: false });
    return found === undefined ? [] : [{ path, size: found.size, modifiedMs: found.mtimeMs }];
  });
}

/** What says whether anything about the files changed, without reading them. */
export function listingOf(files: readonly SourceFile[]): string {
  return files.map(({ path, size, modifiedMs }) => `${path}\0${size}\0${modifiedMs}`).join('\n');
}

/** `a/date=2024-01-01/x.csv` → `{ date: '2024-01-01' }`. */
export function partitionsOf(path: string): Readonly<Record<string, string>> {
  const folders = path.split('/').slice(0, -1);
  return Object.fromEntries(
    folders.flatMap((folder) => {
      const [, name, value] = /^([A-Za-z_][\w-]*)=(.*)$/.exec(folder) ?? [];
      return name === undefined || value === undefined ? [] : [[name, decoded(value)]];
    }),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
