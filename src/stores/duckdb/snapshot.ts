/**
 * Snapshots of sources. A file's digest covers its bytes and how they are read, so that an unchanged file is not read
 * again and the digest does not depend on the engine; a query's digest covers the rows that it gave.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../lib/canonical.ts';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import { areManyFiles } from '../../spec/source-files.ts';
import type { Snapshot, SnapshotRequest } from '../offline-snapshots.ts';
import { columnSnapshot } from './column-snapshot.ts';
import { type Engine, messageOf, type Session } from './engine.ts';
import { fileOf, moveTable, writeTable } from './files.ts';
import { copyFiles, filesSnapshot } from './files-snapshot.ts';
import { columnsOf, formatOf, refused, sourceFile, sourceSelect, unreadable } from './source-relation.ts';
import { literal } from './sql.ts';
import { createViews } from './views.ts';

const READ_ATTEMPTS = 3;

export async function takeSnapshot(
  engine: Engine,
  root: string,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  if (request.source.incremental !== undefined) return columnSnapshot(engine, root, request, signal);
  if (areManyFiles(request.root, request.source.file)) return filesSnapshot(engine, root, request, signal);
  return request.source.query === undefined
    ? fileSnapshot(engine, root, request, signal)
    : querySnapshot(engine, root, request, signal);
}

async function fileSnapshot(
  engine: Engine,
  root: string,
  { source, root: projectRoot, lastDigest }: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const copied = await copyFile(engine, source, projectRoot, lastDigest, signal);
  if (copied === undefined) return undefined;
  const { path, ...rest } = copied;
  return { ...rest, location: await keep(root, source, rest.digest, path) };
}

/** A file source as a durable Parquet file in the scratch folder. Undefined where its digest is `lastDigest`. */
export async function copyFile(
  engine: Engine,
  source: CanonicalSource,
  projectRoot: string,
  lastDigest: string | null,
  signal: AbortSignal,
): Promise<(Omit<Snapshot, 'location'> & { readonly path: string }) | undefined> {
  if (areManyFiles(projectRoot, source.file)) {
    const path = await scratchFile(engine, source);
    const copied = await copyFiles(engine, source, projectRoot, path, lastDigest, signal);
    return copied && { ...copied, path };
  }
  const path = await sourceFile(source, projectRoot);
  // The file may be replaced while it is read: what was hashed must be what was copied.
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt += 1) {
    const before = await stat(path);
    const digest = await digestOfFile(path, source, signal);
    if (digest === lastDigest) return undefined;
    const copy = await scratchFile(engine, source);
    const table = await engine
      .job(signal, (session) => session.serially(() => copySource(session, source, path, copy)))
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
      });
    const after = await stat(path);
    if (after.size === before.size && after.mtimeMs === before.mtimeMs) return { digest, path: copy, ...table };
    await rm(copy, { force: true });
  }
  throw unreadable(
    source,
    `The file ${source.file} changes while it is read.`,
    'write a new version beside it and rename it into place',
  );
}

async function querySnapshot(
  engine: Engine,
  root: string,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const { source } = request;
  const copy = await scratchFile(engine, source);
  const table = await engine
    .job(signal, async (session) => {
      await createViews(session, root, request.inputs);
      return session.serially(() => copySource(session, source, undefined, copy));
    })
    .catch((error: unknown) => {
      signal.throwIfAborted();
      throw refused(`source.${source.name}`, error);
    });
  const digest = await digestOfFile(copy, source, signal);
  if (digest === request.lastDigest) {
    await rm(copy, { force: true });
    return undefined;
  }
  return { digest, location: await keep(root, source, digest, copy), ...table };
}

async function scratchFile(engine: Engine, source: CanonicalSource): Promise<string> {
  return join(await engine.scratch(), `${source.name}-${randomUUID()}.parquet`);
}

/** Moves a durable copy to its place, which its digest names. */
async function keep(root: string, source: CanonicalSource, digest: string, copy: string): Promise<string> {
  const location = `sources/${source.name}/${digest}.parquet`;
  await moveTable(copy, fileOf(root, location));
  return location;
}

async function copySource(
  session: Session,
  source: CanonicalSource,
  path: string | undefined,
  to: string,
): Promise<Pick<Snapshot, 'rows' | 'bytes' | 'columns'>> {
  const select = await sourceSelect(session, source, path);
  const bytes = await writeTable(session, select, to);
  const columns = await columnsOf(session, `select * from read_parquet(${literal(to)})`);
  const counted = await session.rows<{ rows: bigint }>(`select count(*) as rows from read_parquet(${literal(to)})`);
  return { rows: Number(counted[0]?.rows ?? 0n), bytes, columns };
}

async function digestOfFile(path: string, source: CanonicalSource, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  hash.update(
    canonicalJson({
      format: formatOf(source),
      nulls: source.nulls,
      delimiter: source.delimiter,
      types: source.types,
      columns: source.columns,
      query: source.query,
    }),
  );
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
