/**
 * A query in the dialect that a project writes in, as DuckDB's text, which every store can run or translate. The parser's translation
 * is silently wrong where a word means something else there, so only what is known to mean the same is let through: functions
 * by name, fields of extract, divisions that say that they are no whole numbers. The rest is told at its place.
 */
import type { Dialect as WrittenDialect } from './schema-types.ts';
import { codeOf } from './sql-text.ts';
import type { TranslatedSql, UntranslatedSql } from './translate-sql.ts';

/** Words before a parenthesis that call nothing. */
const NO_CALLS = words(
  'all and any as between by case distinct else except exists filter from group having in intersect interval is join lateral like ilike not null on or order over partition row select some then union using values when where window with within',
);
/** Types that take a length, of which a bare one is something else there: see BARE_DECIMAL. */
const TYPES = words('char character decimal numeric time timestamp varchar varying double precision');

const EVERYWHERE = words(
  'abs avg cast ceil ceiling coalesce corr count covar_pop covar_samp cume_dist date_trunc dense_rank exp extract first_value floor lag last_value lead ln lower ltrim max min mod nth_value ntile nullif percent_rank power rank replace row_number rtrim sign sqrt stddev stddev_pop stddev_samp substr substring sum trim upper var_pop var_samp variance',
);

const FUNCTIONS: Readonly<Record<Exclude<WrittenDialect, 'duckdb'>, ReadonlySet<string>>> = {
  postgres: new Set([
    ...EVERYWHERE,
    ...words(
      'bool_and bool_or concat greatest least left length md5 now percentile_cont right split_part starts_with strpos',
    ),
  ]),
  trino: new Set([
    ...EVERYWHERE,
    ...words(
      'bool_and bool_or count_if date_add date_diff day hour if length minute month now quarter regexp_like round starts_with strpos to_unixtime try_cast year',
    ),
  ]),
};

const FIELDS: Readonly<Record<Exclude<WrittenDialect, 'duckdb'>, ReadonlySet<string>>> = {
  postgres: words('year quarter month week day hour minute doy dow isodow epoch'),
  trino: words('year quarter month week day hour minute'),
};

/** Whole units there, boundaries crossed under its name in DuckDB. */
const RENAMED: Readonly<Record<string, string>> = { date_diff: 'date_sub' };

const BARE_DECIMAL = /\b(numeric|decimal)\b(?!\s*\()/gi;
const FLOATING = '(?:float8|float4|float|double\\s+precision|double|real)';
/** What stands before a slash, or after it, that makes it no division of whole numbers. */
const FLOATS_BEFORE = new RegExp(
  `(?:::\\s*${FLOATING}|\\bas\\s+${FLOATING}\\s*\\)|\\b\\d+(?:\\.\\d*)?e[+-]?\\d+)\\s*$`,
  'i',
);
const FLOATS_AFTER = new RegExp(
  `^\\s*(?:\\d+(?:\\.\\d*)?e[+-]?\\d+|cast\\s*\\([^()]*\\bas\\s+${FLOATING}\\s*\\)|[\\w."]+\\s*::\\s*${FLOATING})`,
  'i',
);
const DECIMAL_BEFORE = /\b\d+\.\d+\s*$/;
const DECIMAL_AFTER = /^\s*\d+\.\d+/;

export async function fromDialect(sql: string, dialect: WrittenDialect): Promise<TranslatedSql> {
  if (dialect === 'duckdb') return { sql, problems: [] };
  const code = codeOf(sql);
  const problems = [...calls(code, dialect), ...fields(code, dialect), ...divisions(code, dialect), ...decimals(code)];
  if (problems.length > 0) return { sql: null, problems: problems.sort((a, b) => a.start - b.start) };
  const { Dialect, transpile } = await import('@polyglot-sql/sdk');
  const from = dialect === 'postgres' ? Dialect.PostgreSQL : Dialect.Trino;
  const { success, sql: texts, error } = transpile(marked(sql, code, dialect), from, Dialect.DuckDB);
  const [text] = texts ?? [];
  if (success && text !== undefined && texts?.length === 1) return { sql: unmarked(text), problems: [] };
  return { sql: null, problems: [{ message: error ?? 'It has no translation', start: 0, end: sql.length }] };
}

type Foreign = Exclude<WrittenDialect, 'duckdb'>;

const CALL = /(?<![\w."])([a-z_]\w*)(?=\s*\()/gi;

function calls(code: string, dialect: Foreign): readonly UntranslatedSql[] {
  return [...code.matchAll(CALL)].flatMap(({ index, 1: name = '' }) => {
    const lower = name.toLowerCase();
    if (NO_CALLS.has(lower) || TYPES.has(lower) || FUNCTIONS[dialect].has(lower)) return [];
    // A common table expression with the names of its columns.
    if (/^\s*\([^()]*\)\s*as\s*\(/i.test(code.slice(index + name.length))) return [];
    const message = `It is not known that ${name}() means the same to every store`;
    return [{ message, start: index, end: index + name.length }];
  });
}

function fields(code: string, dialect: Foreign): readonly UntranslatedSql[] {
  return [...code.matchAll(/\bextract\s*\(\s*([a-z_]+)(?=\s+from\b)/gi)].flatMap(
    ({ index, 0: found, 1: field = '' }) => {
      if (FIELDS[dialect].has(field.toLowerCase())) return [];
      const start = index + found.length - field.length;
      return [
        { message: `extract(${field} …) gives something else on another store`, start, end: start + field.length },
      ];
    },
  );
}

function divisions(code: string, dialect: Foreign): readonly UntranslatedSql[] {
  return [...code.matchAll(/\//g)].flatMap(({ index }) => {
    const [before, after] = [code.slice(0, index), code.slice(index + 1)];
    if (FLOATS_BEFORE.test(before) || FLOATS_AFTER.test(after)) return [];
    // Of decimals one dialect keeps as many places as its operands have.
    if (dialect === 'postgres' && (DECIMAL_BEFORE.test(before) || DECIMAL_AFTER.test(after))) return [];
    const message =
      'A division of whole numbers leaves the rest out here, and not on another store: cast one side to double precision';
    return [{ message, start: index, end: index + 1 }];
  });
}

function decimals(code: string): readonly UntranslatedSql[] {
  return [...code.matchAll(BARE_DECIMAL)].map(({ index, 0: found }) => ({
    message: `${found} without a precision has another one on each store: write ${found}(18, 4)`,
    start: index,
    end: index + found.length,
  }));
}

const MARK = 'mlops_as_';

function marked(sql: string, code: string, dialect: Foreign): string {
  if (dialect !== 'trino') return sql;
  let text = '';
  let end = 0;
  for (const { index, 1: name = '' } of code.matchAll(CALL)) {
    const other = RENAMED[name.toLowerCase()];
    if (other === undefined) continue;
    text += `${sql.slice(end, index)}${MARK}${other}`;
    end = index + name.length;
  }
  return text + sql.slice(end);
}

const unmarked = (sql: string): string => sql.replaceAll(new RegExp(MARK, 'gi'), '');

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}
