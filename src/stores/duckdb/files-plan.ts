/** Which of a source's files are to be read: those that are new or different since the last snapshot, and their neighbours in a part. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SourceFile } from '../../spec/source-files.ts';
import type { ReadFile } from '../local-tables.ts';

/** Of one part: an edited file costs reading these again. */
const FILES_A_PART = 200;
const BYTES_A_PART = 256 * 2 ** 20;

/** Files that were read together. */
interface Part {
  readonly files?: readonly ReadFile[];
}

export interface ReadingPlan<P extends Part> {
  readonly kept: readonly (P & Required<Part>)[];
  readonly groups: readonly (readonly ReadFile[])[];
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly gone: readonly string[];
  /** A file has another time, and the same content. */
  readonly touched: boolean;
}

/** Only files that are new or look different are hashed. */
export async function whatToRead<P extends Part>(
  files: readonly SourceFile[],
  last: { readonly parts: readonly P[] } | undefined,
  root: string,
  signal: AbortSignal,
): Promise<ReadingPlan<P>> {
  const before = new Map((last?.parts ?? []).flatMap((part) => (part.files ?? []).map((file) => [file.path, file])));
  const now = new Map<string, ReadFile>();
  const [added, changed]: [string[], string[]] = [[], []];
  let touched = false;
  for (const file of files) {
    const known = before.get(file.path);
    if (known !== undefined && known.size === file.size && known.modifiedMs === file.modifiedMs)
      now.set(file.path, known);
    else {
      const digest = await digestOfBytes(resolve(root, file.path), signal);
      now.set(file.path, { ...file, digest });
      if (known === undefined) added.push(file.path);
      else if (known.digest !== digest) changed.push(file.path);
      else touched = true;
    }
  }
  const gone = [...before.keys()].filter((path) => !now.has(path));
  const other = new Set([...changed, ...gone]);
  const kept: (P & Required<Part>)[] = [];
  const again: ReadFile[] = [];
  for (const part of last?.parts ?? []) {
    const still = (part.files ?? []).flatMap((file) => now.get(file.path) ?? []);
    // A file that was only touched keeps its rows; its new time is remembered.
    if ((part.files ?? []).some(({ path }) => other.has(path))) again.push(...still);
    else kept.push({ ...part, files: still });
  }
  const fresh = added.flatMap((path) => now.get(path) ?? []);
  return { kept, groups: [...grouped(again), ...grouped(fresh)], added, changed, gone, touched };
}

function grouped(files: readonly ReadFile[]): ReadFile[][] {
  const groups: ReadFile[][] = [];
  let bytes = 0;
  for (const file of files) {
    const group = groups.at(-1);
    if (group === undefined || group.length >= FILES_A_PART || bytes + file.size > BYTES_A_PART) {
      groups.push([file]);
      bytes = file.size;
    } else {
      group.push(file);
      bytes += file.size;
    }
  }
  return groups;
}

export async function sameStill(files: readonly SourceFile[], root: string): Promise<boolean> {
  for (const { path, size, modifiedMs } of files) {
    const found = await stat(resolve(root, path)).catch(() => undefined);
    if (found?.size !== size || found.mtimeMs !== modifiedMs) return false;
  }
  return true;
}

async function digestOfBytes(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
