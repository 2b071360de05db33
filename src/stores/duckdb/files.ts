/** Tables as files below one folder: written under a name that is not read, made durable, then renamed. */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { invariant } from '../../lib/assert.ts';
import type { Session } from './engine.ts';
import { literal } from './sql.ts';

/** Whole vectors, and small enough that a few wide groups in hand stay within the memory limit. */
const ROW_GROUP_ROWS = 65_536;

/** The file of a location such as `sources/visits/ab12.parquet`. */
export function fileOf(root: string, location: string): string {
  const path = join(root, ...location.split('/'));
  invariant(!relative(root, path).startsWith('..'), `the location ${location} leaves the offline store`);
  return path;
}

/** Whether a table holds rows of a feature set; the others are snapshots of sources. */
export function isPart(location: string): boolean {
  return location.startsWith('sets/');
}

/** Runs `select` into a Parquet file at `path`; it is there completely and durably, or not at all. Returns its size. */
export async function writeTable(session: Session, select: string, path: string): Promise<number> {
  const writing = `${path}.${process.pid}.writing`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await session.run(
      `copy (${select}) to '${writing.replaceAll("'", "''")}' (format parquet, compression zstd, row_group_size ${ROW_GROUP_ROWS}, use_tmp_file false)`,
    );
    await flush(writing);
    await rename(writing, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await rm(writing, { force: true });
    throw error;
  }
  return (await stat(path)).size;
}

/**
 * As {@link writeTable}, by several threads, for a `select` with a total order. Its bytes do not depend on scheduling where
 * every row group but the last is full; where one is not, it is written again by one thread.
 */
export async function writeOrdered(session: Session, select: string, path: string): Promise<void> {
  await writeTable(session, select, path);
  const groups = await session.rows<{ rows: bigint }>(
    `select row_group_num_rows as rows from parquet_metadata(${literal(path)}) group by row_group_id, row_group_num_rows order by row_group_id`,
  );
  if (groups.slice(0, -1).every(({ rows }) => Number(rows) === ROW_GROUP_ROWS)) return;
  await session.serially(() => writeTable(session, select, path));
}

/** Moves a durable file to where it is read; both lie in the store, so this is one step. */
export async function moveTable(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  await flushFolder(dirname(to));
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  // Windows has no handle on a folder; its renames are journalled.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Deletes every file of the folder that is not kept, and then the folder where nothing is left. */
export async function sweepFolder(root: string, folder: string, keep: readonly string[]): Promise<void> {
  const kept = new Set(keep.map((location) => fileOf(root, location)));
  const directory = fileOf(root, folder);
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (!kept.has(path)) await rm(path, { force: true });
  }
  if (kept.size === 0) await rm(directory, { recursive: true, force: true });
}
