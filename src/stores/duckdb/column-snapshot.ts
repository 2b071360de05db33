/**
 * A snapshot of a file or a query whose rows have a column that only grows. Read are the rows from the greatest value read before,
 * less the lookback, on; they take the place of what was read of that stretch. Rows before it are not looked at again.
 */
import { rm } from 'node:fs/promises';
import { digestOf } from '../../lib/canonical.ts';
import { MlopsError } from '../../lib/error.ts';
import { durationMs } from '../../lib/units.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { ReadAll, type ResumePoint, type Snapshot, type SnapshotRequest } from '../offline-snapshots.ts';
import { type Engine, messageOf, type Session } from './engine.ts';
import { fileOf } from './files.ts';
import { isManifest, type Manifest, type ManifestPart, manifestRelation, readManifest } from './manifest.ts';
import { following, joinSmall, keepManifest, lastManifest, manifestColumns, writePart } from './snapshot-parts.ts';
import { columnsOf, formatOf, refused, sourceFile, sourceSelect, unreadable } from './source-relation.ts';
import { ident, literal } from './sql.ts';
import { createViews } from './views.ts';

export async function columnSnapshot(
  engine: Engine,
  root: string,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const { source } = request;
  const path = source.query === undefined ? await sourceFile(source, request.root) : undefined;
  return engine
    .job(signal, async (session) => {
      await createViews(session, root, request.inputs);
      return takeSince(session, root, request, await sourceSelect(session, source, path));
    })
    .catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof MlopsError || error instanceof ReadAll) throw error;
      throw source.query === undefined
        ? unreadable(source, messageOf(error), undefined, error)
        : refused(`source.${source.name}`, error);
    });
}

/** Undefined where nothing was read before, or in another way. FS204 where the lookback does not go with the column. */
export async function resumeFrom(
  engine: Engine,
  root: string,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<ResumePoint | undefined> {
  const { source, lastLocation } = request;
  if (source.incremental === undefined || lastLocation == null || !isManifest(lastLocation)) return undefined;
  const last = await readManifest(root, lastLocation);
  const { watermark } = last;
  const column = last.columns.find(({ name }) => name === last.column);
  if (column === undefined || watermark === undefined || last.reading !== readingOf(request, column)) return undefined;
  return engine.job(signal, async (session) => {
    const [row] = await session.rows<{ from: string }>(
      `select (${await cutOf(session, source, column, watermark)})::varchar as "from"`,
    );
    return row === undefined ? undefined : { column: column.name, from: row.from };
  });
}

/** Digest of how a source is read: another way starts afresh. */
function readingOf({ source, readAs }: SnapshotRequest, column: Column): string {
  const { nulls, delimiter, types, columns, query, incremental } = source;
  const how = { format: formatOf(source), nulls, delimiter, types, columns, query, incremental, column };
  return digestOf(readAs === undefined ? how : { ...how, readAs });
}

async function takeSince(
  session: Session,
  root: string,
  request: SnapshotRequest,
  select: string,
): Promise<Snapshot | undefined> {
  const { source, lastDigest } = request;
  const there = await columnsOf(session, select);
  const column = incrementalColumn(source, there);
  const reading = readingOf(request, column);
  const found = await lastManifest(root, request.lastLocation, reading);
  // A column of another type than before: what was read of it would be something else now.
  const last = found !== undefined && sameTypes(found.columns, there) ? found : undefined;
  const name = ident(column.name);
  const cut = last?.watermark === undefined ? undefined : await cutOf(session, source, column, last.watermark);
  if (request.from !== undefined && cut !== castTo(column, request.from.from)) throw new ReadAll();
  const fresh = `select * from (${select})${cut === undefined ? '' : ` where ${name} >= ${cut} or ${name} is null`}`;
  const part = await writePart(session, root, source, fresh);
  const written = `read_parquet(${literal(fileOf(root, part.table))}, hive_partitioning = false)`;
  const now = await summary(session, `select * from ${written}`);
  if (last !== undefined) {
    const of = manifestRelation(root, last, last.parts);
    const before = `select * from ${of}${cut === undefined ? '' : ` where ${name} >= ${cut} or ${name} is null`}`;
    if ((await summary(session, before)) === now) {
      await rm(fileOf(root, part.table), { force: true });
      return undefined;
    }
  }
  const { number, before } = following(last, lastDigest);
  const kept =
    last === undefined || cut === undefined
      ? []
      : last.parts.map((one): ManifestPart => ({ ...one, below: one.below ?? cut }));
  const parts: readonly ManifestPart[] = [...kept, { ...part, since: number }];
  const unified = await manifestColumns(session, root, parts);
  const shape = { columns: unified, column: column.name };
  const joined = await joinSmall(session, root, source, shape, parts);
  const [counted] = await session.rows<{ rows: bigint; greatest: string | null }>(
    `select count(*) as rows, max(${name})::varchar as greatest from ${manifestRelation(root, shape, joined)}`,
  );
  const manifest: Manifest = {
    format: 'mlops.snapshot/1',
    reading,
    rows: Number(counted?.rows ?? 0n),
    ...shape,
    known: [],
    parts: joined,
    number,
    before,
    ...(counted?.greatest == null ? {} : { watermark: castTo(column, counted.greatest) }),
  };
  const digest = digestOf({ reading, after: last === undefined ? null : lastDigest, cut: cut ?? null, rows: now });
  return keepManifest(root, source, digest, manifest, { rows: part.rows });
}

function incrementalColumn(source: CanonicalSource, there: readonly Column[]): Column {
  const wanted = source.incremental?.column ?? '';
  const found = there.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (found !== undefined) return found;
  throw unreadable(
    source,
    `It has no column ${wanted}, by which it is to be read.`,
    `known: ${there.map(({ name }) => name).join(', ')}`,
  );
}

/** Columns may come; those that are there keep their types. */
function sameTypes(before: readonly Column[], now: readonly Column[]): boolean {
  return before.every(({ name, type }) => now.some((column) => column.name === name && column.type === type));
}

/** The literal from which on rows are read again. */
async function cutOf(session: Session, source: CanonicalSource, column: Column, watermark: string): Promise<string> {
  const lookback = source.incremental?.lookback;
  if (lookback === undefined) return watermark;
  if (!/^(DATE|TIMESTAMP.*)$/.test(column.type)) {
    throw unreadable(
      source,
      `The lookback ${lookback} goes with a date or a time, but the column ${column.name} is ${column.type}.`,
      'leave the lookback out, or read by a column that is a time',
    );
  }
  const [row] = await session.rows<{ cut: string }>(
    `select (${watermark} - to_milliseconds(${durationMs(lookback)}))::${column.type}::varchar as cut`,
  );
  return castTo(column, row?.cut ?? '');
}

const castTo = ({ type }: Column, text: string): string => `${literal(text)}::${type}`;

/** The same for the same rows, in whatever order. */
async function summary(session: Session, select: string): Promise<string> {
  const [row] = await session.rows<{ rows: bigint; sum: string; mix: string }>(
    `select count(*) as rows, coalesce(sum(hash(s)), 0)::varchar as sum, coalesce(bit_xor(hash(s)), 0)::varchar as mix from (${select}) s`,
  );
  return `${row?.rows}:${row?.sum}:${row?.mix}`;
}
