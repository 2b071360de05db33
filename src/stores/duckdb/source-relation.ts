/** A source as a relation: the file or the query as the spec describes it, with the columns that it adds. */
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { assertNever } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { messageOf, type Session } from './engine.ts';
import { ident, list, literal, sqlType, subquery } from './sql.ts';

export type FileFormat = 'csv' | 'parquet' | 'jsonl';

export function formatOf(source: CanonicalSource): FileFormat {
  if (source.format !== undefined) return source.format;
  const name = (source.file ?? '').toLowerCase().replace(/\.(gz|zst)$/, '');
  switch (extname(name)) {
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

/** The `select` that reads a source. Views for the sources of a query exist already. */
export async function sourceSelect(
  session: Session,
  source: CanonicalSource,
  path: string | undefined,
): Promise<string> {
  const base = source.query === undefined ? fileRelation(source, path ?? '') : subquery(source.query);
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

function fileRelation(source: CanonicalSource, path: string): string {
  const format = formatOf(source);
  switch (format) {
    case 'csv': {
      const nulls = [...new Set(['', ...(source.nulls ?? [])])].map(literal);
      const delimiter = source.delimiter === undefined ? '' : `, delim = ${literal(source.delimiter)}`;
      const declared = Object.entries(source.types ?? {}).map(
        ([name, type]) => `${literal(name)}: ${literal(sqlType(type))}`,
      );
      const types = declared.length === 0 ? '' : `, types = {${list(declared)}}`;
      // The whole file is sampled: a column's type does not depend on where its odd value stands.
      return `read_csv(${literal(path)}, header = true, sample_size = -1, nullstr = [${list(nulls)}]${delimiter}${types})`;
    }
    case 'parquet':
      return `read_parquet(${literal(path)})`;
    case 'jsonl':
      return `read_json(${literal(path)}, format = 'newline_delimited', sample_size = -1)`;
    default:
      return assertNever(format, 'format');
  }
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
