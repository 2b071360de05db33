/**
 * A snapshot that grew in parts, as a small file that lists them: what was read before stays where it is. Its location ends in
 * `.json`; every other snapshot is one Parquet file. A part that a later one replaced in part is read up to a bound.
 */
import { readFile } from 'node:fs/promises';
import { MlopsError } from '../../lib/error.ts';
import type { Column } from '../../spec/column.ts';
import type { ReadFile } from '../local-tables.ts';
import type { KnownColumn } from './file-types.ts';
import { fileOf } from './files.ts';
import { ident, list, literal } from './sql.ts';

export interface ManifestPart {
  /** Location of its Parquet file. */
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  /** The first snapshot that has all of its rows, counted from the first of the source. */
  readonly since: number;
  /** The files that it was read from, where it was read from several. */
  readonly files?: readonly ReadFile[];
  /** Only its rows with the incremental column below this count, a literal of the engine. */
  readonly below?: string;
}

export interface Manifest {
  readonly format: 'mlops.snapshot/1';
  /** Digest of how the source is read: another way of reading starts afresh. */
  readonly reading: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Of the files, to compare the next ones with. */
  readonly known: readonly KnownColumn[];
  readonly parts: readonly ManifestPart[];
  /** The number of this snapshot, and the digests of the ones before, the newest last. */
  readonly number: number;
  readonly before: readonly string[];
  /** The incremental column, and the greatest value read of it as a literal of the engine. */
  readonly column?: string;
  readonly watermark?: string;
}

export function isManifest(location: string): boolean {
  return location.endsWith('.json');
}

export async function readManifest(root: string, location: string): Promise<Manifest> {
  try {
    const manifest = JSON.parse(await readFile(fileOf(root, location), 'utf8')) as Manifest;
    if (manifest.format === 'mlops.snapshot/1') return manifest;
    throw new Error(`its format is ${JSON.stringify(manifest.format)}`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MlopsError('FS204', {
      detail: `The snapshot ${location} cannot be read: ${why}.`,
      hint: 'ingest the source again',
      cause,
    });
  }
}

/** Place of a row among all rows of a snapshot, for ties. */
export const POSITION = '__position';

export interface TableReading {
  /** Adds {@link POSITION}. */
  readonly position?: boolean;
  /** Digest of a snapshot of the same source: only what came since, where that can be told. */
  readonly since?: string | undefined;
}

/** A snapshot as a relation. */
export async function snapshotRelation(root: string, location: string, reading: TableReading = {}): Promise<string> {
  if (!isManifest(location)) {
    const position = reading.position === true ? `*, file_row_number as ${POSITION}` : '*';
    return `(select ${position} from read_parquet(${literal(pathOf(root, location))}, hive_partitioning = false))`;
  }
  const manifest = await readManifest(root, location);
  return manifestRelation(root, manifest, partsSince(manifest, reading.since), reading.position === true);
}

/** The parts that have rows which a snapshot before had not; all where that snapshot is not remembered. */
function partsSince({ parts, before, number }: Manifest, since: string | undefined): readonly ManifestPart[] {
  const at = since === undefined ? -1 : before.lastIndexOf(since);
  if (at < 0) return parts;
  const then = number - (before.length - at);
  return parts.filter((part) => part.since > then);
}

/** The parts must not be more than the manifest's. Without any it is a relation of its columns without rows. */
export function manifestRelation(
  root: string,
  { columns, column }: Pick<Manifest, 'columns' | 'column'>,
  parts: readonly ManifestPart[],
  position = false,
): string {
  const types = list(columns.map(({ name, type }) => `${ident(name)}::${type} as ${ident(name)}`));
  const selected = position ? `${types}, ${POSITION}` : types;
  const none = `select ${list([
    ...columns.map(({ name, type }) => `null::${type} as ${ident(name)}`),
    ...(position ? [`0::bigint as ${POSITION}`] : []),
  ])} where false`;
  // Columns that no part has any more, or not yet, are null; the position needs more room than a file has rows.
  const order = new Map(parts.map((part, at) => [part, at]));
  const read = (some: readonly ManifestPart[], where = ''): string => {
    const at = some.length === 1 ? `${order.get(some[0] as ManifestPart)}` : 'file_index';
    const place = position ? `, (${at}::bigint << 40) + file_row_number as ${POSITION}` : '';
    return `select *${place} from read_parquet([${list(some.map(({ table }) => literal(pathOf(root, table))))}], union_by_name = true, hive_partitioning = false)${where}`;
  };
  const whole = parts.filter(({ below }) => below === undefined);
  const selects =
    whole.length === parts.length
      ? [read(parts)]
      : parts.map((part) =>
          read([part], part.below === undefined ? '' : ` where ${ident(column ?? '')} < ${part.below}`),
        );
  if (parts.length === 0) return `(${none})`;
  return `(select ${selected} from (${[none, ...selects].join(' union all by name ')}))`;
}

function pathOf(root: string, location: string): string {
  return fileOf(root, location).replaceAll('\\', '/');
}
