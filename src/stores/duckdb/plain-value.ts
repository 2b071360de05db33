/** Values as the engine hands them out, as the rest of the program has them. */
import type { DuckDBListValue } from '@duckdb/node-api';
import { parseDtype } from '../../spec/dtype.ts';
import type { Dtype } from '../../spec/schema-types.ts';

/** What `valueSql` selected. */
export function plainValue(value: unknown, dtype: Dtype): unknown {
  if (value === null || value === undefined) return null;
  const { kind } = parseDtype(dtype);
  if (kind === 'scalar') return plainScalar(value);
  const { items } = value as DuckDBListValue;
  return kind === 'vector' ? Float32Array.from(items as readonly number[]) : items.map(plainScalar);
}

/** A whole number beyond 2^53 stays a bigint. */
export function plainScalar(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A value as a text that `castSql` reads back (from `'value'`): lists are JSON. */
export function textOf(value: unknown): string {
  if (value instanceof Float32Array) return JSON.stringify(Array.from(value));
  if (!Array.isArray(value)) return String(value);
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}
