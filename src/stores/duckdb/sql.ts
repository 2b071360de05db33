/** How values and names reach DuckDB: every identifier quoted, every literal escaped, every cast checked. */
import { assertNever } from '../../lib/assert.ts';
import { parseDtype } from '../../spec/dtype.ts';
import { duckdbText, missingText, type QueryText } from '../../spec/query-text.ts';
import type { Dtype, KeyType, ScalarDtype } from '../../spec/schema-types.ts';

export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function ownText(query: QueryText): string {
  const text = duckdbText(query);
  if (text === undefined) throw missingText('duckdb');
  return text;
}

export function list(parts: readonly string[]): string {
  return parts.join(', ');
}

/** A user's query as a relation; the line break ends a comment on its last line. SP207 where it is written for other stores. */
export function subquery(query: QueryText): string {
  return `(\n${ownText(query)
    .trim()
    .replace(/;+\s*$/, '')}\n)`;
}

/** A timestamp from microseconds since 1970. */
export function timestampOf(micros: bigint): string {
  return `make_timestamp(${micros}::bigint)`;
}

/** Rows of stored tables. */
export function tables(paths: readonly string[]): string {
  return `read_parquet([${list(paths.map(literal))}], hive_partitioning = false)`;
}

/** An embedding is a list: Parquet has no arrays of a fixed length. Its length is held by {@link castSql}. */
export function sqlType(type: Dtype | KeyType): string {
  const dtype = parseDtype(type);
  switch (dtype.kind) {
    case 'scalar':
      return scalarType(dtype.type);
    case 'array':
      return `${scalarType(dtype.of)}[]`;
    case 'vector':
      return `${scalarType('float32')}[]`;
    default:
      return assertNever(dtype, 'dtype');
  }
}

function scalarType(type: ScalarDtype): string {
  switch (type) {
    case 'bool':
      return 'boolean';
    case 'int32':
      return 'integer';
    case 'int64':
      return 'bigint';
    case 'float32':
      return 'float';
    case 'float64':
      return 'double';
    case 'string':
    case 'json':
      return 'varchar';
    case 'timestamp':
      return 'timestamp';
    case 'date':
      return 'date';
    case 'uuid':
      return 'uuid';
    case 'bytes':
      return 'blob';
    default:
      return assertNever(type, 'type');
  }
}

/** Where a text comes from: of a file, or made by us of a value, in which bytes are base64. */
export type TextFrom = 'file' | 'value';

/** The value as `type`, or null where it does not fit. A time without a zone is UTC. `from` is the engine's type of `expression`. */
export function castSql(expression: string, from: string, type: Dtype | KeyType, text: TextFrom = 'file'): string {
  const dtype = parseDtype(type);
  switch (dtype.kind) {
    case 'scalar':
      return castScalar(expression, from, dtype.type, text);
    case 'array':
      return castItems(expression, from, dtype.of, text);
    case 'vector': {
      const items = castItems(expression, from, 'float32', text);
      return `(case when len(${items}) = ${dtype.length} and len(list_filter(${items}, lambda x: x is null or not isfinite(x))) = 0 then ${items} end)`;
    }
    default:
      return assertNever(dtype, 'dtype');
  }
}

/** A list of any type, or the text of a JSON array, as a list of `item`; null where one of its items does not fit. */
function castItems(expression: string, from: string, item: ScalarDtype, text: TextFrom): string {
  const [, itemFrom] = /^(.*)\[\d*\]$/s.exec(from) ?? [];
  const target = `${scalarType(item)}[]`;
  if (itemFrom?.toLowerCase() === scalarType(item)) return `(${expression})::${target}`;
  if (itemFrom === undefined && from !== 'VARCHAR' && from !== 'JSON') return `null::${target}`;
  const items =
    itemFrom === undefined
      ? `(case when json_valid(${expression}) then case when json_type(${expression}) = 'ARRAY' then from_json(${expression}, '["VARCHAR"]') end end)`
      : `(${expression})::${itemFrom}[]`;
  const cast = castScalar('x', itemFrom ?? 'VARCHAR', item, text);
  return `(case when len(list_filter(${items}, lambda x: x is not null and (${cast}) is null)) = 0 then list_transform(${items}, lambda x: ${cast}) end)`;
}

function castScalar(expression: string, from: string, type: ScalarDtype, text: TextFrom): string {
  switch (type) {
    case 'timestamp':
      // A text's offset counts only on the way through TIMESTAMPTZ; the session's time zone is UTC.
      return from === 'VARCHAR'
        ? `try_cast(try_cast(${expression} as timestamptz) as timestamp)`
        : `try_cast(${expression} as timestamp)`;
    case 'int32':
    case 'int64': {
      // The engine rounds 1.5 to 2: a fraction does not fit.
      const cast = `try_cast(${expression} as ${scalarType(type)})`;
      if (isInteger(from)) return cast;
      const decimal = from === 'VARCHAR' ? `try_cast(${expression} as decimal(38, 15))` : expression;
      return `(case when ${decimal} is null or ${decimal} = trunc(${decimal}) then ${cast} end)`;
    }
    case 'json':
      return from === 'JSON' || from === 'VARCHAR'
        ? `(case when json_valid(${expression}) then ${expression}::varchar end)`
        : `to_json(${expression})::varchar`;
    case 'bytes':
      if (from === 'BLOB') return expression;
      return text === 'value' ? `from_base64(${expression})` : `encode(${expression}::varchar)`;
    default:
      return `try_cast(${expression} as ${scalarType(type)})`;
  }
}

/** The value as the online store and expressions have it: boolean, number or text, or a list of these. */
export function valueSql(expression: string, type: Dtype | KeyType): string {
  const dtype = parseDtype(type);
  if (dtype.kind === 'scalar') return scalarValue(expression, dtype.type);
  if (dtype.kind === 'vector') return expression;
  const item = scalarValue('x', dtype.of);
  return item === 'x' ? expression : `list_transform(${expression}, lambda x: ${item})`;
}

function scalarValue(expression: string, type: ScalarDtype): string {
  switch (type) {
    case 'timestamp':
      return `strftime(${expression}, '%Y-%m-%dT%H:%M:%S.%fZ')`;
    case 'date':
      return `strftime(${expression}, '%Y-%m-%d')`;
    case 'uuid':
      return `${expression}::varchar`;
    case 'bytes':
      return `base64(${expression})`;
    default:
      return expression;
  }
}

function isInteger(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN)$/.test(type);
}
