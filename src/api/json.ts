/**
 * JSON as the HTTP interface speaks it: snake_case members, times in ISO 8601 UTC, and integers beyond 2^53 as text,
 * because most readers would round them silently.
 */
import { ByteWriter } from './byte-writer.ts';

export function toJson(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (value instanceof ByteWriter) return value.written().toString('utf8');
  try {
    // NaN and the infinities have no JSON form; null says that there is no number.
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // A replacer costs ten times as much: only for those that hold a bigint.
    return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? integer(member) : member));
  }
}

/** JSON that was written already; as bytes it is a ByteWriter. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const integer = (value: bigint): number | string => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
};

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter, offset: number) => `${offset > 0 ? '_' : ''}${letter.toLowerCase()}`);
}

/** Renames members of plain objects, all the way down. For our own structures only: a user's names are never touched. */
export function snakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCaseKeys);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [snakeCase(name), snakeCaseKeys(member)]));
}
