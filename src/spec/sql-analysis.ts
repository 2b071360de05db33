/**
 * What the SQL parser says of a query: syntax errors, unknown tables and columns with their places, the columns that it
 * yields and what they are made from. The parser takes 200 ms to load and about 1 ms a query, so answers are kept in a cache file by the query's hash.
 * It knows most of DuckDB's dialect, not all: what it cannot decide is left to the engine.
 */
import type { QueryOutputResult } from '@polyglot-sql/sdk';
import { digestOf } from '../lib/canonical.ts';
import { openCacheFile } from './cache-file.ts';
import type { Column } from './column.ts';
import { changedOutputs } from './query-lineage/changed-outputs.ts';
import { type QueryLineage, queryLineage } from './query-lineage.ts';
import type { Dialect } from './schema-types.ts';
import { codeOf } from './sql-text.ts';

export interface SqlError {
  readonly kind: 'syntax' | 'table' | 'column' | 'alias';
  readonly message: string;
  /** Offsets into the query. */
  readonly start: number;
  readonly end: number;
}

export interface SqlAnalysis {
  readonly errors: readonly SqlError[];
  /** The columns that the query yields, in order; null where not all are known. */
  readonly columns: readonly string[] | null;
  /** What each of them depends on; null where it cannot be told. */
  readonly lineage: QueryLineage | null;
}

/** Columns by table; undefined where a table's columns are not known. */
export type SqlTables = ReadonlyMap<string, readonly Column[] | undefined>;

export interface SqlAnalyzer {
  readonly analyze: (sql: string, tables: SqlTables, dialect?: Dialect) => Promise<SqlAnalysis>;
  /** Keeps what was asked in this load, best effort. */
  readonly save: () => void;
}

/** Counts up when the meaning of a cached answer changes. */
const FORMAT = 3;

export function createSqlAnalyzer(root: string): SqlAnalyzer {
  const cache = openCacheFile<SqlAnalysis>(root, `sql-${FORMAT}`);
  return {
    analyze: async (sql, tables, dialect = 'duckdb') => {
      const key = digestOf([
        sql,
        [...tables].map(([name, columns]) => [name, columns ?? null]),
        ...(dialect === 'duckdb' ? [] : [dialect]),
      ]);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const analysis = await analyzeQuery(sql, tables, dialect);
      cache.set(key, analysis);
      return analysis;
    },
    save: cache.save,
  };
}

/** The outputs of a query that an edit changes, in lower case; undefined where it may be any. */
export async function outputsChangedBy(before: string, after: string): Promise<readonly string[] | undefined> {
  const { Dialect, parse } = await import('@polyglot-sql/sdk');
  return changedOutputs(parse(before, Dialect.DuckDB).ast, parse(after, Dialect.DuckDB).ast);
}

/** What is no query, whatever the parser makes of it. */
const CHANGES_DATA =
  /^\s*(insert|update|delete|create|drop|alter|attach|detach|copy|truncate|merge|install|load|set|pragma|call|export|import)\b/i;

/** The columns that every text of a query yields; null where not all are known. */
export function jointColumns(analyses: readonly SqlAnalysis[]): readonly string[] | null {
  const [first, ...others] = analyses.map(({ columns }) => columns);
  if (first == null || others.includes(null)) return null;
  const has = (columns: readonly string[] | null | undefined, name: string): boolean =>
    columns?.some((column) => column.toLowerCase() === name.toLowerCase()) ?? false;
  return first.filter((name) => others.every((columns) => has(columns, name)));
}

export async function analyzeQuery(sql: string, tables: SqlTables, dialect: Dialect = 'duckdb'): Promise<SqlAnalysis> {
  const code = codeOf(sql);
  const changing = CHANGES_DATA.exec(code);
  if (changing !== null) {
    const start = changing[0].length - (changing[1]?.length ?? 0);
    return {
      errors: [
        {
          kind: 'syntax',
          message: `A query only reads; this is a ${changing[1]?.toLowerCase()} statement`,
          start,
          end: changing[0].length,
        },
      ],
      columns: null,
      lineage: null,
    };
  }
  const semicolon = code.replace(/"[^"]*"/g, (name) => ' '.repeat(name.length)).indexOf(';');
  if (semicolon !== -1) {
    return {
      errors: [
        {
          kind: 'syntax',
          message: 'One query is expected; a second statement begins after this',
          start: semicolon,
          end: semicolon + 1,
        },
      ],
      columns: null,
      lineage: null,
    };
  }
  const { Dialect: Dialects, outputColumnsWithSchema, parse, validateWithSchema } = await import('@polyglot-sql/sdk');
  const name = { duckdb: Dialects.DuckDB, postgres: Dialects.PostgreSQL, trino: Dialects.Trino }[dialect];
  // Without any table the parser would not report unknown ones; this one cannot be meant.
  const schema = {
    tables: [
      { name: '__no_table', columns: [] as Column[] },
      ...[...tables].map(([name, columns]) => ({ name, columns: [...(columns ?? [])] })),
    ],
  };
  const utf16 = offsetsOf(sql);
  const errors = validateWithSchema(sql, schema, name).errors.flatMap((error): SqlError[] => {
    const kind = kindOf(error.code);
    if (kind === undefined || error.start === undefined) return [];
    const start = utf16(error.start);
    return [{ kind, message: error.message, start, end: Math.max(start + 1, utf16(error.end ?? error.start + 1)) }];
  });
  if (errors.some((error) => error.kind === 'syntax')) return { errors, columns: null, lineage: null };
  return {
    errors: decided(errors, sql, code),
    columns: outputOf(outputColumnsWithSchema(sql, schema, name)),
    lineage: queryLineage(sql, parse(sql, name).ast, tables),
  };
}

function kindOf(code: string): SqlError['kind'] | undefined {
  if (code === 'E200') return 'table';
  if (code === 'E201') return 'column';
  if (code === 'E222') return 'alias';
  return /^E0/.test(code) ? 'syntax' : undefined;
}

/** Relations whose columns the parser does not know: table functions, lateral subqueries, pivots, `columns(…)`. */
const OPAQUE =
  /\b(from|join)\s+(lateral\b|[a-z_]\w*\s*\()|,\s*(lateral\b|[a-z_]\w*\s*\([^)]*\)\s*(as\s+)?[a-z_]\w*\s*\()|\b(unpivot|pivot|columns\s*\(|unnest\s*\()/i;

/** Without what may be the parser's mistake: a false alarm is worse than a miss, since the engine checks again. */
function decided(errors: readonly SqlError[], sql: string, code: string): SqlError[] {
  const opaque = OPAQUE.test(code);
  // Names that the query gives: `… as x`, and in list comprehensions `for x in`, `for x, i in`.
  const aliases = new Set(
    [...code.matchAll(/\bas\s+([a-z_]\w*)|\bfor\s+([a-z_]\w*)(?:\s*,\s*([a-z_]\w*))?\s+in\b/gi)].flatMap((match) =>
      match.slice(1).map((name) => name?.toLowerCase()),
    ),
  );
  return errors.filter((error) => {
    const text = sql.slice(error.start, error.end);
    if (error.kind === 'table')
      return /^"?[a-z_][\w-]*"?$/i.test(text) && sql[error.end] !== '.' && sql[error.start - 1] !== '.';
    if (opaque) return false;
    // A column by its position, the key of a struct, `order by all`, a name given in the same query.
    if (/^all$/i.test(text) && /\border\s+by\s+$/i.test(code.slice(0, error.start))) return false;
    if (text.startsWith('#') || text === 'rowid' || /^\s*:(?!:)/.test(sql.slice(error.end))) return false;
    return !aliases.has(text.toLowerCase());
  });
}

function outputOf(result: QueryOutputResult): string[] | null {
  if (!result.success || result.output?.ordinalComplete !== true || result.output.columns.length === 0) return null;
  const names = result.output.columns.map((column) => (column.kind === 'named' ? column.name : ''));
  // An expression without a name gets one from the engine.
  return names.some((name) => name === '' || /^_col_\d+$/.test(name)) ? null : names;
}

/** The parser counts code points. */
function offsetsOf(sql: string): (offset: number) => number {
  if (!/[\ud800-\udfff]/.test(sql)) return (offset) => offset;
  const points = [...sql];
  return (offset) => points.slice(0, offset).join('').length;
}
