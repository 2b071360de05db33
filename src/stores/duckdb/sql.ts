/** How values and names reach DuckDB: every identifier quoted, every literal escaped, every cast checked. */
import { assertNever } from '../../lib/assert.ts';
import type { Dtype, KeyType } from '../../spec/schema-types.ts';

export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function list(parts: readonly string[]): string {
  return parts.join(', ');
}

/** A user's query as a relation; the line break ends a comment on its last line. */
export function subquery(query: string): string {
  return `(\n${query.trim().replace(/;+\s*$/, '')}\n)`;
}

/** A timestamp from microseconds since 1970. */
export function timestampOf(micros: bigint): string {
  return `make_timestamp(${micros}::bigint)`;
}

/** Rows of stored tables. */
export function tables(paths: readonly string[]): string {
  return `read_parquet([${list(paths.map(literal))}])`;
}

export function sqlType(type: Dtype | KeyType): string {
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

/** The value as `type`, or null where it does not fit. A time without a zone is UTC. `from` is the engine's type of `expression`. */
export function castSql(expression: string, from: string, type: Dtype | KeyType): string {
  switch (type) {
    case 'timestamp':
      // A text's offset counts only on the way through TIMESTAMPTZ; the session's time zone is UTC.
      return from === 'VARCHAR'
        ? `try_cast(try_cast(${expression} as timestamptz) as timestamp)`
        : `try_cast(${expression} as timestamp)`;
    case 'int32':
    case 'int64': {
      // The engine rounds 1.5 to 2: a fraction does not fit.
      const cast = `try_cast(${expression} as ${sqlType(type)})`;
      if (isInteger(from)) return cast;
      const decimal = from === 'VARCHAR' ? `try_cast(${expression} as decimal(38, 15))` : expression;
      return `(case when ${decimal} is null or ${decimal} = trunc(${decimal}) then ${cast} end)`;
    }
    case 'json':
      return from === 'JSON' || from === 'VARCHAR'
        ? `(case when json_valid(${expression}) then ${expression}::varchar end)`
        : `to_json(${expression})::varchar`;
    case 'bytes':
      return from === 'BLOB' ? expression : `encode(${expression}::varchar)`;
    default:
      return `try_cast(${expression} as ${sqlType(type)})`;
  }
}

/** The value as the online store and expressions have it: boolean, number or text. */
export function valueSql(expression: string, type: Dtype | KeyType): string {
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
