/**
 * Snapshots of a source that is read by a column. Those that follow each other share one table: a row is of those from `__from` on that
 * come before `__to`. Each is a view of its rows, so that whoever reads snapshots reads it as any other.
 */
import { digestOf } from '../../../lib/canonical.ts';
import { MlopsError } from '../../../lib/error.ts';
import { durationMs } from '../../../lib/units.ts';
import type { CanonicalSource } from '../../../spec/canonical-specs.ts';
import type { ResumePoint, SnapshotRequest } from '../../offline-snapshots.ts';
import { columnsOf, ident, list, literal, ROW, type ServerColumn } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

/** The first snapshot that has a row, and the first one after that has it no more. */
export const FROM = '__from';
export const TO = '__to';

export interface Grown {
  readonly location: string;
  readonly grown: string;
  readonly number: number;
  readonly digest: string;
  readonly reading: string;
  readonly content: string | null;
  readonly watermark: string | null;
}

/** The newest snapshot of a table that grows: one that was taken before and not recorded is among them. */
export interface Head extends Grown {
  /** Of its rows, without ours. */
  readonly columns: readonly ServerColumn[];
  readonly by: ServerColumn;
  /** Undefined where all is to be read. */
  readonly resume: ResumePoint | undefined;
}

const SELECTED = 'g.location, g.grown, g.number, g.digest, g.reading, g.content, g.watermark';

/** Undefined where the last snapshot is none of these, is gone, or was read in another way. FS204 where the lookback does not go with the column. */
export async function headOf(
  warehouse: Warehouse,
  session: Session,
  request: Pick<SnapshotRequest, 'source' | 'lastLocation' | 'readAs'>,
): Promise<Head | undefined> {
  const [found] = await session.query<Grown & Record<string, unknown>>(
    `select ${SELECTED} from ${warehouse.schema}.grown_snapshots l join ${warehouse.schema}.grown_snapshots g on g.grown = l.grown
     where l.location = $1 and to_regclass($2 || '.' || quote_ident(g.grown)) is not null order by g.number desc limit 1`,
    [request.lastLocation ?? null, warehouse.schema],
  );
  if (found === undefined || found.reading !== readingOf(request)) return undefined;
  const table = `${warehouse.schema}.${ident(found.grown)}`;
  const all = await columnsOf(session, `select * from ${table}`);
  const columns = all.filter(({ name }) => name !== ROW && name !== FROM && name !== TO);
  const by = columnBy(request.source, columns);
  return { ...found, columns, by, resume: await resumeOf(session, request.source, by, found.watermark) };
}

/** Digest of how a source is read. */
export function readingOf({ source, readAs }: Pick<SnapshotRequest, 'source' | 'readAs'>): string {
  const { format, nulls, delimiter, types, columns, query, incremental } = source;
  return digestOf({ format, nulls, delimiter, types, columns, query, incremental, readAs });
}

export function columnBy(source: CanonicalSource, there: readonly ServerColumn[]): ServerColumn {
  const wanted = source.incremental?.column ?? '';
  const found = there.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (found !== undefined) return found;
  throw new MlopsError('FS204', {
    address: `source.${source.name}`,
    detail: `The source ${source.name} cannot be read. It has no column ${wanted}, by which it is to be read.`,
    hint: `known: ${there.map(({ name }) => name).join(', ')}`,
  });
}

async function resumeOf(
  session: Session,
  source: CanonicalSource,
  by: ServerColumn,
  watermark: string | null,
): Promise<ResumePoint | undefined> {
  if (watermark === null) return undefined;
  const lookback = source.incremental?.lookback;
  if (lookback === undefined) return { column: by.name, from: watermark };
  if (!/^(date|timestamp)/.test(by.serverType)) {
    throw new MlopsError('FS204', {
      address: `source.${source.name}`,
      detail: `The source ${source.name} cannot be read. The lookback ${lookback} goes with a date or a time, but the column ${by.name} is ${by.serverType}.`,
      hint: 'leave the lookback out, or read by a column that is a time',
    });
  }
  const [row] = await session.query<{ cut: string }>(
    `select (($1::${by.serverType} - $2::double precision * interval '1 millisecond')::${by.serverType})::text as cut`,
    [watermark, durationMs(lookback)],
  );
  return row === undefined ? undefined : { column: by.name, from: row.cut };
}

/** The condition of the rows that are to be read again. */
export function stretchOf(by: ServerColumn, resume: ResumePoint | undefined, alias: string): string {
  if (resume === undefined) return 'true';
  const column = `${alias}.${ident(by.name)}`;
  return `(${column} >= ${literal(resume.from)}::${by.serverType} or ${column} is null)`;
}

/** The rows of a snapshot, or those of them that the one of digest `since` had not; undefined where that cannot be told. */
export async function rowsSince(
  { schema }: Warehouse,
  session: Session,
  location: string,
  since: string | undefined,
  columns: readonly ServerColumn[],
): Promise<string | undefined> {
  if (since === undefined) return undefined;
  const [found] = await session.query<{ grown: string; number: number; before: number }>(
    `select g.grown, g.number, b.number as before from ${schema}.grown_snapshots g
     join ${schema}.grown_snapshots b on b.grown = g.grown and b.digest = $2 and b.number <= g.number where g.location = $1`,
    [location, since],
  );
  if (found === undefined) return undefined;
  return `(select ${list([ROW, ...columns.map(({ name }) => ident(name))])} from ${schema}.${ident(found.grown)}
    where ${FROM} > ${found.before} and ${has(found.number)})`;
}

/** The condition of the rows that a snapshot has. */
export function has(number: number): string {
  return `${FROM} <= ${number} and (${TO} is null or ${TO} > ${number})`;
}
