/** A source as a relation: its files or its query as the spec describes them, with the columns that it adds. */
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { assertNever } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import type { Dtype } from '../../spec/schema-types.ts';
import { messageOf, type Session } from './engine.ts';
import { ident, list, literal, sqlType, subquery } from './sql.ts';

export type FileFormat = 'csv' | 'parquet' | 'jsonl';

/** `name`: of one of its files, where the source's own ends in no format. */
export function formatOf(source: CanonicalSource, name = source.file ?? ''): FileFormat {
  if (source.format !== undefined) return source.format;
  switch (extname(name.toLowerCase().replace(/\.(gz|zst)$/, ''))) {
    case '.parquet':
    case '.pq':
      return 'parquet';
    case '.json':
    case '.jsonl':
    case '.ndjson':
      return 'jsonl';
    default:
      return 'csv';
  }
}

/** Absolute path of a file source. FS204 where it is not a readable file. */
export async function sourceFile(source: CanonicalSource, root: string): Promise<string> {
  const path = resolve(root, source.file ?? '');
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) {
    throw unreadable(
      source,
      `The file ${source.file} is not there.`,
      'paths of sources are relative to the project root',
    );
  }
  return path;
}

/** The `select` that reads a source of one file or of a query. Views for the sources of a query exist already. */
export async function sourceSelect(
  session: Session,
  source: CanonicalSource,
  path: string | undefined,
): Promise<string> {
  const base = source.query === undefined ? fileRelation(source, [path ?? '']) : subquery(source.query);
  return withDeclared(session, source, await withTypes(session, source, base));
}

/** With the columns that the source adds. */
export async function withDeclared(session: Session, source: CanonicalSource, base: string): Promise<string> {
  const added = Object.entries(source.columns ?? {});
  if (added.length === 0) return `select * from ${base}`;
  const there = await columnsOf(session, `select * from ${base}`).catch((error: unknown) => {
    throw unreadable(source, messageOf(error), undefined, error);
  });
  const names = new Set(there.map((column) => column.name.toLowerCase()));
  const replaced = added.filter(([name]) => names.has(name.toLowerCase())).map(([name]) => ident(name));
  const star = replaced.length === 0 ? '*' : `* exclude (${list(replaced)})`;
  return `select ${star}, ${list(added.map(([name, expression]) => `(\n${expression}\n) as ${ident(name)}`))} from ${base}`;
}

/** Declared types of what is no CSV, where the engine is told nothing beforehand. */
async function withTypes(session: Session, source: CanonicalSource, base: string): Promise<string> {
  const types = Object.entries(source.types ?? {});
  if (types.length === 0 || source.query !== undefined || formatOf(source) === 'csv') return base;
  const there = await columnsOf(session, `select * from ${base}`).catch((error: unknown) => {
    throw unreadable(source, messageOf(error), undefined, error);
  });
  const casts = types.flatMap(([name, type]) => {
    const column = there.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return column === undefined ? [] : [`${typedAs(ident(column.name), type)} as ${ident(column.name)}`];
  });
  return casts.length === 0 ? base : `(select * replace (${list(casts)}) from ${base})`;
}

/** A value that does not fit fails the query: the engine then says which. */
export function typedAs(column: string, type: Dtype): string {
  return type === 'json' ? `to_json(${column})` : `${column}::${sqlType(type)}`;
}

export interface FileReading {
  /** Of these columns the types are told rather than detected. */
  readonly types?: Readonly<Record<string, string>>;
  /** Columns whose values stand in the path, with their types. */
  readonly partitions?: Readonly<Record<string, string>>;
}

/** Files of one format side by side, by the names of their columns. */
export function fileRelation(
  source: CanonicalSource,
  paths: readonly string[],
  reading: FileReading = {},
  format = formatOf(source),
): string {
  const many = source.file !== undefined && reading.partitions !== undefined;
  const names = many ? `[${list(paths.map(literal))}]` : literal(paths[0] ?? '');
  const options = many ? `, union_by_name = true${partitioning(reading.partitions ?? {})}` : '';
  switch (format) {
    case 'csv': {
      const nulls = [...new Set(['', ...(source.nulls ?? [])])].map(literal);
      const delimiter = source.delimiter === undefined ? '' : `, delim = ${literal(source.delimiter)}`;
      const told =
        reading.types ??
        Object.fromEntries(Object.entries(source.types ?? {}).map(([name, type]) => [name, sqlType(type)]));
      const types = Object.keys(told).length === 0 ? '' : `, types = ${structOf(told)}`;
      // The whole file is sampled: a column's type does not depend on where its odd value stands.
      return `read_csv(${names}, header = true, sample_size = -1, nullstr = [${list(nulls)}]${delimiter}${types}${options})`;
    }
    case 'parquet':
      return `read_parquet(${names}${options})`;
    case 'jsonl':
      return `read_json(${names}, format = 'newline_delimited', sample_size = -1, maximum_sample_files = 1000000${options})`;
    default:
      return assertNever(format, 'format');
  }
}

function partitioning(partitions: Readonly<Record<string, string>>): string {
  if (Object.keys(partitions).length === 0) return ', hive_partitioning = false';
  return `, hive_partitioning = true, hive_types = ${structOf(partitions)}`;
}

function structOf(fields: Readonly<Record<string, string>>): string {
  return `{${list(Object.entries(fields).map(([name, type]) => `${literal(name)}: ${literal(type)}`))}}`;
}

export async function columnsOf(session: Session, select: string): Promise<readonly Column[]> {
  const rows = await session.rows<{ column_name: string; column_type: string }>(`describe ${select}`);
  return rows.map((row) => ({ name: row.column_name, type: row.column_type }));
}

export function unreadable(source: CanonicalSource, detail: string, hint?: string, cause?: unknown): MlopsError {
  return new MlopsError('FS204', {
    address: `source.${source.name}`,
    detail: `The source ${source.name} cannot be read. ${detail}`,
    hint,
    cause,
  });
}

/** What the engine says of a user's query, as SP204. */
export function refused(address: string, error: unknown): MlopsError {
  if (error instanceof MlopsError) return error;
  return new MlopsError('SP204', {
    address,
    detail: `DuckDB refuses the query of ${address}. ${messageOf(error)}`,
    cause: error,
  });
}
