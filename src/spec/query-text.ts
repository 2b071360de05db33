/**
 * A query as specs hold it: one text in DuckDB's dialect for every store, or a text for each. A store runs its own; one that has none
 * translates DuckDB's, and nothing is translated into it.
 */
import { MlopsError } from '../lib/error.ts';
import type { Query, SourceSpec } from './schema-types.ts';
import { mentionedNames } from './sql-text.ts';

export type Dialect = 'duckdb' | 'postgres';
export type QueryText = Query;

const DIALECTS: readonly Dialect[] = ['duckdb', 'postgres'];

/** DuckDB's text; undefined where a query is written for other stores alone. */
export function duckdbText(query: QueryText): string | undefined {
  return typeof query === 'string' ? query : query.duckdb;
}

/** The text that is written for a dialect; undefined where there is none. */
export function textFor(query: QueryText, dialect: Dialect): string | undefined {
  return typeof query === 'string' ? (dialect === 'duckdb' ? query : undefined) : query[dialect];
}

/** The query of a source over other sources; undefined for a file, and for what a database of the user's answers. */
export function overSources(source: Pick<SourceSpec, 'query' | 'database'>): QueryText | undefined {
  return source.database === undefined ? source.query : undefined;
}

/** Every text, with where it stands below the query's own place. */
export function textsOf(
  query: QueryText,
): readonly { readonly dialect: Dialect; readonly text: string; readonly pointer: string }[] {
  if (typeof query === 'string') return [{ dialect: 'duckdb', text: query, pointer: '' }];
  return DIALECTS.flatMap((dialect) => {
    const text = query[dialect];
    return text === undefined ? [] : [{ dialect, text, pointer: `/${dialect}` }];
  });
}

export function mapTexts(query: QueryText, change: (text: string) => string): QueryText {
  if (typeof query === 'string') return change(query);
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
