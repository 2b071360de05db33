/** Pushed rows as texts, as offline stores take them in: times and the order in microseconds and numbers, then keys, then features. */
import type { PushedRow, RowPlan } from './offline-rows.ts';

/** What stands before the keys. */
export const PUSHED_BEFORE = 3;

/** Each row: its sequence, event time and created time, then the values of the keys and features in their order. Null stays null. */
export function pushedTexts<T>(
  { keys, features }: Pick<RowPlan, 'keys' | 'features'>,
  rows: readonly PushedRow[],
  textOf: (value: unknown) => T,
): readonly (readonly (string | T | null)[])[] {
  const text = (value: unknown): T | null => (value === null || value === undefined ? null : textOf(value));
  return rows.map((row) => [
    String(row.sequence),
    String(row.eventTime),
    row.createdTime === null ? null : String(row.createdTime),
    ...keys.map(({ name }) => text(row.key[name])),
    ...features.map(({ name }) => text(row.values[name])),
  ]);
}
