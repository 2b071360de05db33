/** Data frames as Feast's clients send them: `{column: [values]}`, or `{column: {index: value}}` as pandas' `to_dict()` has it. */
import type { FlatRow } from '../../features/pushed-rows.ts';
import { feastError } from './errors.ts';

export type Frame = Readonly<Record<string, unknown>>;

export function rowsOf(frame: Frame): readonly FlatRow[] {
  const columns = Object.entries(frame);
  if (columns.some(([, values]) => typeof values !== 'object' || values === null))
    throw feastError('FeastError', 422, 'df: every column is a list of values, or an object of index to value.');
  const indexed = columns.some(([, values]) => !Array.isArray(values));
  const keys = indexed
    ? [...new Set(columns.flatMap(([, values]) => Object.keys(values as object)))]
    : Array.from({ length: lengthOf(columns as [string, readonly unknown[]][]) }, (_, index) => String(index));
  return keys.map((key) =>
    Object.fromEntries(columns.map(([name, values]) => [name, (values as Record<string, unknown>)[key] ?? null])),
  );
}

function lengthOf(columns: readonly (readonly [string, readonly unknown[]])[]): number {
  const lengths = [...new Set(columns.map(([, values]) => values.length))];
  if (lengths.length > 1) throw feastError('FeastError', 422, 'All arrays must be of the same length');
  return lengths[0] ?? 0;
}
