/**
 * A query in DuckDB's dialect as the text that another engine runs. The parser's translation is right for most of what feature
 * queries hold; where it is known to be wrong without an error the function is called under a name of ours, which the store
 * provides (`stores/postgres/offline/sql/functions.sql`), and what has no translation is told at its place. The engine checks
 * the text in any case, by EXPLAIN.
 */
import { codeOf } from './sql-text.ts';

export interface UntranslatedSql {
  readonly message: string;
  /** Offsets into the query. */
  readonly start: number;
  readonly end: number;
}

export type TranslatedSql =
  | { readonly sql: string; readonly problems: readonly [] }
  | { readonly sql: null; readonly problems: readonly UntranslatedSql[] };

/** Functions that mean something else there, or nothing, under a name that the translation leaves alone. */
const RENAMED: Readonly<Record<string, string>> = {
  date_diff: 'mlops_date_diff',
  datediff: 'mlops_date_diff',
  date_sub: 'mlops_date_sub',
  datesub: 'mlops_date_sub',
  epoch: 'mlops_epoch',
  epoch_ms: 'mlops_epoch_ms',
  isnan: 'mlops_isnan',
  isfinite: 'mlops_isfinite',
  isinf: 'mlops_isinf',
  median: 'mlops_median',
  arg_max: 'mlops_arg_max',
  max_by: 'mlops_arg_max',
  arg_min: 'mlops_arg_min',
  min_by: 'mlops_arg_min',
  round: 'mlops_round',
  year: 'mlops_year',
  month: 'mlops_month',
  day: 'mlops_day',
  hour: 'mlops_hour',
  minute: 'mlops_minute',
};

/** What has no translation. A miss is found by the engine; what it would take for something else must stand here. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/\/\//g, 'the division //: write floor(a / b)'],
  [/\btry_cast\s*\(/gi, 'try_cast'],
  [/\*\s*(exclude|replace)\b/gi, '* exclude and * replace: name the columns'],
  [/\bgroup\s+by\s+all\b/gi, 'group by all: name the columns'],
  [/\border\s+by\s+all\b/gi, 'order by all: name the columns'],
  [/\basof\b/gi, 'asof joins'],
  [/\b(un)?pivot\b/gi, 'pivot and unpivot'],
  [/\b(list|list_\w+|array_agg|unnest|struct_pack|map|listagg|string_agg)\s*\(/gi, 'lists, structs and maps'],
  [/\bpositional\s+join\b/gi, 'positional joins'],
  [/\bby\s+name\b/gi, 'union by name: name the columns in one order'],
  [/\brange\s*\(/gi, 'range(): write generate_series(first, last)'],
];

export async function translateSql(sql: string): Promise<TranslatedSql> {
  const code = codeOf(sql);
  const problems = REFUSED.flatMap(([pattern, what]) =>
    [...code.matchAll(pattern)].map(({ index, 0: found }) => ({
      message: `Postgres has no ${what}`,
      start: index,
      end: index + found.length,
    })),
  );
  if (problems.length > 0) return { sql: null, problems };
  const { Dialect, transpile } = await import('@polyglot-sql/sdk');
  const { success, sql: texts, error } = transpile(renamed(sql, code), Dialect.DuckDB, Dialect.PostgreSQL);
  const [text] = texts ?? [];
  if (success && text !== undefined && texts?.length === 1) return { sql: text, problems: [] };
  return { sql: null, problems: [{ message: error ?? 'It has no translation', start: 0, end: sql.length }] };
}

/** Calls only: a column or a table may have any name. */
function renamed(sql: string, code: string): string {
  let text = '';
  let end = 0;
  for (const { index, 1: name = '' } of code.matchAll(/(?<![\w."])([a-z_]\w*)(?=\s*\()/gi)) {
    const other = RENAMED[name.toLowerCase()];
    if (other === undefined) continue;
    text += `${sql.slice(end, index)}${other}`;
    end = index + name.length;
  }
  return text + sql.slice(end);
}
