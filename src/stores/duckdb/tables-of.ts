/** The tables that a query reads, from DuckDB's own parser; names of its common table expressions are not tables. */
import { MlopsError } from '../../lib/error.ts';
import type { QueryText } from '../../spec/query-text.ts';
import type { Session } from './engine.ts';
import { ownText } from './sql.ts';

interface Parsed {
  readonly error: boolean;
  readonly error_message?: string;
  readonly statements?: readonly unknown[];
}

export async function tablesOfQuery(session: Session, query: QueryText): Promise<readonly string[]> {
  const [row] = await session.rows<{ parsed: string }>('select json_serialize_sql($1::varchar)::varchar as parsed', [
    ownText(query),
  ]);
  const parsed = JSON.parse(row?.parsed ?? '{"error":true}') as Parsed;
  if (parsed.error || parsed.statements?.length !== 1) {
    throw new MlopsError('SP201', {
      detail: `The text is not one query that reads data. ${parsed.error_message ?? ''}`.trim(),
    });
  }
  const found = new Set<string>();
  visit(parsed.statements[0], new Set(), found);
  return [...found].sort();
}

function visit(node: unknown, local: ReadonlySet<string>, found: Set<string>): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item, local, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const record = node as Readonly<Record<string, unknown>>;
  if (record['type'] === 'BASE_TABLE' && typeof record['table_name'] === 'string') {
    if (!local.has(record['table_name'].toLowerCase())) found.add(record['table_name']);
  }
  const scope = new Set([...local, ...commonTables(record['cte_map'])]);
  for (const value of Object.values(record)) visit(value, scope, found);
}

function commonTables(map: unknown): string[] {
  const entries = (map as { map?: readonly { key?: unknown }[] } | undefined)?.map ?? [];
  return entries.flatMap((entry) => (typeof entry.key === 'string' ? [entry.key.toLowerCase()] : []));
}
