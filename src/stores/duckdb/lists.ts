/** Columns that hold lists, by the engine's types: `DOUBLE[]`, `VARCHAR[]`, `FLOAT[3]`. */
import type { DuckDBListValue } from '@duckdb/node-api';

/** The type of the items; undefined where it is no list. */
export function itemType(type: string): string | undefined {
  return /^(.*)\[\d*\]$/s.exec(type)?.[1];
}

/** A list of single values. A list of lists or structs is none here: it stays a text. */
export function isList(type: string): boolean {
  const item = itemType(type);
  return item !== undefined && !/[[\]()]/.test(item.replace(/^DECIMAL\(.*\)$/, ''));
}

/** Its items as JSON and trainers have them: numbers (null where one is not finite), booleans, texts; times in ISO 8601, bytes base64. */
export function listSql(column: string, type: string): string {
  const item = itemSql(itemType(type) ?? type);
  return item === 'x' ? column : `list_transform(${column}, lambda x: ${item})`;
}

function itemSql(type: string): string {
  if (type === 'BLOB') return 'base64(x)';
  if (type.startsWith('TIMESTAMP')) return "strftime(x::timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')";
  if (type === 'DOUBLE' || type === 'FLOAT') return 'case when isfinite(x) then x end';
  if (/^(U?(TINY|SMALL|BIG)INT|U?INTEGER|BOOLEAN|VARCHAR)$/.test(type)) return 'x';
  return type.startsWith('DECIMAL') ? 'x::double' : 'x::varchar';
}

export function isListValue(value: unknown): value is DuckDBListValue {
  return typeof value === 'object' && value !== null && Array.isArray((value as DuckDBListValue).items);
}
