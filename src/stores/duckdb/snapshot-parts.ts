/** What snapshots that grow in parts have in common: where parts lie, when small ones are joined, how the whole is recorded. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Increment, Snapshot } from '../offline-snapshots.ts';
import type { Session } from './engine.ts';
import { fileOf, writeTable } from './files.ts';
import { isManifest, type Manifest, type ManifestPart, manifestRelation, readManifest } from './manifest.ts';
import { columnsOf } from './source-relation.ts';
import { literal } from './sql.ts';

/** So many small parts become one: a table of thousands of files is slow to open. */
const SMALL_PARTS = 32;
const SMALL_ROWS = 1_000_000;
const SMALL_FILES = 1_000;
/** Snapshots before this one that are remembered; what was computed from one before them is computed from all rows again. */
const REMEMBERED = 500;

/** The last snapshot where it was read the same way; undefined: everything is to be read. */
export async function lastManifest(
  root: string,
  location: string | null | undefined,
  reading: string,
): Promise<Manifest | undefined> {
  if (location === null || location === undefined || !isManifest(location)) return undefined;
  const manifest = await readManifest(root, location);
  return manifest.reading === reading ? manifest : undefined;
}

/** `select` as a new part. */
export async function writePart(
  session: Session,
  root: string,
  source: CanonicalSource,
  select: string,
): Promise<Pick<ManifestPart, 'table' | 'rows' | 'bytes'>> {
  const table = `sources/${source.name}/parts/${randomUUID()}.parquet`;
  const path = fileOf(root, table);
  const bytes = await session.serially(() => writeTable(session, select, path));
  const [counted] = await session.rows<{ rows: bigint }>(
    `select num_rows as rows from parquet_file_metadata(${literal(path)})`,
  );
  return { table, rows: Number(counted?.rows ?? 0n), bytes };
}

/** Small parts as one, once there are many. Its rows are read from the parts, not from the source. */
export async function joinSmall(
  session: Session,
  root: string,
  source: CanonicalSource,
  manifest: Pick<Manifest, 'columns' | 'column'>,
  parts: readonly ManifestPart[],
): Promise<readonly ManifestPart[]> {
  const small = parts.filter(({ rows, files = [] }) => rows < SMALL_ROWS && files.length < SMALL_FILES);
  if (small.length < SMALL_PARTS) return parts;
  const written = await writePart(session, root, source, `select * from ${manifestRelation(root, manifest, small)}`);
  const files = small.flatMap((part) => part.files ?? []);
  const joined: ManifestPart = {
    ...written,
    since: Math.max(...small.map(({ since }) => since)),
    ...(files.length === 0 ? {} : { files }),
  };
  return [...parts.filter((part) => !small.includes(part)), joined];
}

/** Columns of the parts together. */
export function manifestColumns(
  session: Session,
  root: string,
  parts: readonly ManifestPart[],
): ReturnType<typeof columnsOf> {
  const names = parts.map(({ table }) => literal(fileOf(root, table))).join(', ');
  return columnsOf(session, `select * from read_parquet([${names}], union_by_name = true, hive_partitioning = false)`);
}

/** It is there completely and durably, or not at all. */
export async function writeManifest(root: string, location: string, manifest: Manifest): Promise<void> {
  const path = fileOf(root, location);
  await mkdir(dirname(path), { recursive: true });
  const writing = `${path}.${process.pid}.writing`;
  const file = await open(writing, 'w');
  try {
    await file.writeFile(JSON.stringify(manifest));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(writing, path);
}

export async function keepManifest(
  root: string,
  source: CanonicalSource,
  digest: string,
  manifest: Manifest,
  increment: Increment | undefined,
): Promise<Snapshot> {
  const location = `sources/${source.name}/${digest}.json`;
  await writeManifest(root, location, manifest);
  return {
    location,
    digest,
    rows: manifest.rows,
    bytes: manifest.parts.reduce((sum, part) => sum + part.bytes, 0),
    columns: manifest.columns,
    ...(increment === undefined ? {} : { increment }),
  };
}

/** The number of a snapshot that follows `last`, and the ones that it remembers. */
export function following(last: Manifest | undefined, lastDigest: string | null): Pick<Manifest, 'number' | 'before'> {
  if (last === undefined || lastDigest === null) return { number: 0, before: [] };
  return { number: last.number + 1, before: [...last.before, lastDigest].slice(-REMEMBERED) };
}
