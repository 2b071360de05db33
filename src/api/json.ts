/**
 * JSON as the HTTP interface speaks it: snake_case members, times in ISO 8601 UTC, and integers beyond 2^53 as text,
 * because most readers would round them silently.
 */

export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'bigint' ? integer(member) : finite(member),
  );
}

const integer = (value: bigint): number | string => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
};

/** NaN and the infinities have no JSON form; null says that there is no number. */
const finite = (value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? null : value);

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter, offset: number) => `${offset > 0 ? '_' : ''}${letter.toLowerCase()}`);
}

/** Renames members of plain objects, all the way down. For our own structures only: a user's names are never touched. */
export function snakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCaseKeys);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [snakeCase(name), snakeCaseKeys(member)]));
}
