/** Expectations of a feature as conditions that rows break. */
import { isScalar } from '../../spec/dtype.ts';
import type { Expectation, OnFailure } from '../offline-expectations.ts';
import type { Readable } from './computed.ts';
import { list, literal, valueSql } from './sql.ts';

export interface Rule {
  readonly feature: string;
  readonly expectation: string;
  readonly onFailure: OnFailure;
  /** True of rows that break it; not null. */
  readonly broken: string;
  /** What to show of one such row. */
  readonly value: string;
  /** Which of several values is shown. */
  readonly observed: 'min' | 'max';
  /** Share of the rows that may break it. */
  readonly allowed: number;
  /** Each row that breaks it is at fault. */
  readonly ofRows: boolean;
}

export function rulesOf(expectation: Expectation, readable: Readable | undefined): readonly Rule[] {
  if (readable === undefined) return [];
  const { feature, min, max, maxNull, pattern, minLength, maxLength, onFailure = 'warn' } = expectation;
  const { column } = readable;
  const isList = !isScalar(readable.dtype);
  const value = valueSql(column, readable.dtype);
  const rules: Rule[] = [];
  const add = (name: string, broken: string, more: Partial<Rule> = {}): void => {
    rules.push({
      feature,
      expectation: name,
      onFailure,
      broken: `coalesce(${broken}, false)`,
      value: column,
      observed: 'min',
      allowed: 0,
      ofRows: true,
      ...more,
    });
  };
  // Of a list each of its items counts.
  const [least, greatest] = isList ? [`list_min(${column})`, `list_max(${column})`] : [column, column];
  if (min !== undefined) add(`min ${min}`, `${least} < ${min}`, { value: least });
  // The engine orders NaN above every number.
  if (max !== undefined) add(`max ${max}`, `${greatest} > ${max}`, { value: greatest, observed: 'max' });
  if (maxNull !== undefined)
    add(`maxNull ${maxNull}`, `${column} is null`, { allowed: maxNull, ofRows: maxNull === 0, value: 'null' });
  const length = readable.dtype === 'bytes' ? `octet_length(${column})` : `len(${column})`;
  if (minLength !== undefined) add(`minLength ${minLength}`, `${length} < ${minLength}`, { value: length });
  if (maxLength !== undefined)
    add(`maxLength ${maxLength}`, `${length} > ${maxLength}`, { value: length, observed: 'max' });
  if (expectation.in !== undefined) {
    const allowed = list(expectation.in.map((item) => `(${castLike(item, readable)})`));
    const items = `list_filter(${value}::varchar[], lambda x: x not in (${allowed}))`;
    const [outside, shown] = isList
      ? [`len(${items}) > 0`, `list_min(${items})`]
      : [`${column} is not null and ${value}::varchar not in (${allowed})`, `${value}::varchar`];
    add(`in ${JSON.stringify(expectation.in)}`, outside, { value: shown });
  }
  if (pattern !== undefined) add(`pattern ${pattern}`, `not regexp_matches(${column}, ${literal(pattern)})`);
  return rules;
}

/** An allowed value in the text that the column's own values have: 1 and 1.0 are one number. */
function castLike(item: string | number | boolean, readable: Readable): string {
  return typeof item === 'number' && /float|vector/.test(readable.dtype)
    ? `${item}::${/float64/.test(readable.dtype) ? 'double' : 'float'}::varchar`
    : literal(String(item));
}
