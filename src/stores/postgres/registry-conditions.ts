/** Conditions, order and pages of searches in the registry as SQL. Fields come from here alone; what was asked with is a parameter. */
import { MlopsError } from '../../lib/error.ts';
import type { NumberOperator, TextOperator } from '../control/registry.ts';

/** Parameters as they are written down: `param(5)` is `$1`, `$2`, … */
export interface Parameters {
  readonly values: readonly unknown[];
  param(value: unknown): string;
}

export function parameters(...first: readonly unknown[]): Parameters {
  const values: unknown[] = [...first];
  return { values, param: (value) => `$${values.push(value)}` };
}

const NUMBER: Readonly<Record<NumberOperator, string>> = {
  '>': '>',
  '>=': '>=',
  '<': '<',
  '<=': '<=',
  '=': '=',
  '!=': '<>',
};
const TEXT: Readonly<Record<TextOperator, (field: string, value: string, hashed: boolean) => string>> = {
  // What may be longer than an index takes is found by its hash.
  '=': (field, value, hashed) =>
    hashed ? `(md5(${field}) = md5(${value}) and ${field} = ${value})` : `${field} = ${value}`,
  '!=': (field, value) => `${field} <> ${value}`,
  like: (field, value) => `${field} like ${value}`,
  ilike: (field, value) => `${field} ilike ${value}`,
  in: (field, value, hashed) =>
    hashed
      ? `(md5(${field}) in (select md5(one) from unnest(${value}) as one) and ${field} = any(${value}))`
      : `${field} = any(${value})`,
  'not in': (field, value) => `${field} <> all(${value})`,
};

export function numberCondition(field: string, op: NumberOperator, value: number, to: Parameters): string {
  return `${field} ${NUMBER[op]} ${to.param(value)}::double precision`;
}

export function textCondition(
  field: string,
  op: TextOperator,
  value: string | readonly string[],
  to: Parameters,
  { hashed = false }: { readonly hashed?: boolean } = {},
): string {
  const list = op === 'in' || op === 'not in';
  const given = list ? [value].flat() : value;
  return TEXT[op](field, `${to.param(given)}::text${list ? '[]' : ''}`, hashed);
}

export interface OrderKey {
  readonly sql: string;
  /** Of the values in a cursor. */
  readonly type: 'text' | 'integer' | 'bigint' | 'double precision' | 'timestamptz';
  readonly ascending: boolean;
}

export const orderBy = (keys: readonly OrderKey[]): string =>
  keys.map(({ sql, ascending }) => `${sql} ${ascending ? 'asc' : 'desc'}`).join(', ');

/** The rows that come after those values: of the keys before it the same, of one of them further on. */
export function after(keys: readonly OrderKey[], values: readonly unknown[], to: Parameters): string {
  const params = keys.map(({ type }, at) => `${to.param(values[at])}::${type}`);
  const alternatives = keys.map((key, at) => {
    const same = keys.slice(0, at).map(({ sql }, before) => `${sql} = ${params[before]}`);
    return `(${[...same, `${key.sql} ${key.ascending ? '>' : '<'} ${params[at]}`].join(' and ')})`;
  });
  const [first] = keys;
  // Said on its own too, so that an index begins there.
  const begin = first === undefined ? '' : `${first.sql} ${first.ascending ? '>=' : '<='} ${params[0]} and `;
  return keys.length === 1 ? alternatives.join('') : `(${begin}(${alternatives.join(' or ')}))`;
}

export function writeCursor(values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

export function readCursor(cursor: string, keys: readonly OrderKey[]): readonly unknown[] {
  const values = parsed(cursor);
  if (!Array.isArray(values) || values.length !== keys.length || !keys.every((key, at) => fits(key, values[at])))
    throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
  return values;
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function fits({ type }: OrderKey, value: unknown): boolean {
  if (type === 'text') return typeof value === 'string';
  if (type === 'timestamptz') return typeof value === 'string' && !Number.isNaN(Date.parse(value));
  if (type === 'double precision') return typeof value === 'number';
  return Number.isSafeInteger(Number(value)) && typeof value !== 'boolean' && value !== null && value !== '';
}
