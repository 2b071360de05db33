/**
 * A query as specs hold it: one text in DuckDB's dialect for every store, a text for each, or one in the dialect that the project writes in. A
 * store runs its own; one that has none translates DuckDB's, or what is written in another.
 */
import { MlopsError } from '../lib/error.ts';
import { fromDialect } from './from-dialect.ts';
import type { Dialect as AnyDialect, Query, SourceSpec, WrittenQuery } from './schema-types.ts';
import { mentionedNames } from './sql-text.ts';

/** Of stores. */
export type Dialect = 'duckdb' | 'postgres';
/** That queries may be written in. */
export type WrittenDialect = AnyDialect;
export type QueryText = Query;

const DIALECTS: readonly WrittenDialect[] = ['duckdb', 'postgres', 'trino'];

export function isWritten(query: QueryText): query is WrittenQuery {
  return typeof query !== 'string' && 'sql' in query;
}

/** DuckDB's text; undefined where a query is written for other stores alone. */
export function duckdbText(query: QueryText): string | undefined {
  return textFor(query, 'duckdb');
}

/** What a store that has no text of its own translates; undefined where there is none. */
export function textToTranslate(
  query: QueryText,
  store: Dialect,
): { readonly sql: string; readonly dialect: WrittenDialect } | undefined {
  if (isWritten(query)) return query.dialect === store ? undefined : query;
  const duckdb = duckdbText(query);
  if (duckdb !== undefined) return { sql: duckdb, dialect: 'duckdb' };
  // What is written for Postgres alone is meant for it alone.
  return typeof query === 'string' || query.trino === undefined ? undefined : { sql: query.trino, dialect: 'trino' };
}

/** As a store of that dialect takes it: a query that is written in another is translated. SP205 where it has no translation. */
export async function forStore(query: QueryText, store: Dialect): Promise<QueryText> {
  const own = textFor(query, store);
  if (own !== undefined) return isWritten(query) && store === 'postgres' ? { postgres: own } : query;
  const from = textToTranslate(query, store);
  if (from === undefined || from.dialect === 'duckdb') return query;
  const { sql, problems } = await fromDialect(from.sql, from.dialect);
  if (sql !== null) return sql;
  const told = problems.map(
    ({ message, start, end }) => `${message} (${from.sql.slice(start, end).trim().slice(0, 60)})`,
  );
  throw new MlopsError('SP205', {
    detail: `A query in the dialect of ${from.dialect} has no translation. ${told.join('; ')}.`,
    hint: 'write it without these, or give the store a text of its own: query: { duckdb: …, postgres: … }',
  });
}

/** The text that is written for a dialect; undefined where there is none. */
export function textFor(query: QueryText, dialect: Dialect): string | undefined {
  if (typeof query === 'string') return dialect === 'duckdb' ? query : undefined;
  if (isWritten(query)) return query.dialect === dialect ? query.sql : undefined;
  return query[dialect];
}

/** The query of a source over other sources; undefined for a file, and for what a database of the user's answers. */
export function overSources(source: Pick<SourceSpec, 'query' | 'database'>): QueryText | undefined {
  return source.database === undefined ? source.query : undefined;
}

/** Every text, with where it stands below the query's own place. */
export function textsOf(
  query: QueryText,
): readonly { readonly dialect: WrittenDialect; readonly text: string; readonly pointer: string }[] {
  if (isWritten(query)) return [{ dialect: query.dialect, text: query.sql, pointer: '/sql' }];
  if (typeof query === 'string') return [{ dialect: 'duckdb', text: query, pointer: '' }];
  return DIALECTS.flatMap((dialect) => {
    const text = query[dialect];
    return text === undefined ? [] : [{ dialect, text, pointer: `/${dialect}` }];
  });
}

export function mapTexts(query: QueryText, change: (text: string) => string): QueryText {
  if (typeof query === 'string') return change(query);
  if (isWritten(query)) return { ...query, sql: change(query.sql) };
  return Object.fromEntries(textsOf(query).map(({ dialect, text }) => [dialect, change(text)]));
}

/** The names among `candidates` that any of the texts mentions as a table could be. */
export function mentionedIn(query: QueryText | undefined, candidates: ReadonlySet<string>): readonly string[] {
  if (query === undefined) return [];
  return [...new Set(textsOf(query).flatMap(({ text }) => mentionedNames(text, candidates)))].sort();
}

/** SP207: the store has no text of this query. */
export function missingText(dialect: Dialect, address?: string): MlopsError {
  return new MlopsError('SP207', {
    address,
    detail: `The query${address === undefined ? '' : ` of ${address}`} is written for other stores, but not for ${dialect}.`,
    hint: `add the text under ${dialect}`,
  });
}

/** Names of the tables that a query in the dialect of Postgres reads, sorted. Undefined where it cannot be parsed. */
export async function tablesOfPostgres(sql: string): Promise<readonly string[] | undefined> {
  const { Dialect: Dialects, parse } = await import('@polyglot-sql/sdk');
  const { ast } = parse(sql, Dialects.PostgreSQL) as { readonly ast?: unknown };
  if (!Array.isArray(ast) || ast.length !== 1) return undefined;
  const found = new Set<string>();
  visit(ast[0], new Set(), found);
  return [...found].sort();
}

/** A name of a common table expression is no table below the query that has it. */
function visit(node: unknown, local: ReadonlySet<string>, found: Set<string>): void {
  if (Array.isArray(node)) for (const item of node) visit(item, local, found);
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
  const record = node as Readonly<Record<string, unknown>>;
  const ctes = (record['with'] as { readonly ctes?: readonly { readonly alias?: { readonly name?: string } }[] } | null)
    ?.ctes;
  const scope =
    ctes === undefined ? local : new Set([...local, ...ctes.map(({ alias }) => alias?.name?.toLowerCase() ?? '')]);
  for (const [key, member] of Object.entries(record)) {
    const table =
      key === 'table'
        ? (member as { readonly name?: { readonly name?: string }; readonly schema?: unknown } | null)
        : null;
    const name = table?.name?.name;
    if (name !== undefined && table?.schema == null && !scope.has(name.toLowerCase())) found.add(name);
    visit(member, scope, found);
  }
}
