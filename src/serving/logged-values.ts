/** Values of requests and models as they are logged and answered. */
import type { JsonObject } from '../lib/json.ts';
import type { RequestRow } from './predict-request.ts';

export function loggedEntity({ entity }: RequestRow): JsonObject | null {
  if (entity === undefined) return null;
  const told: Record<string, string | number | boolean> = {};
  for (const name of Object.keys(entity)) told[name] = jsonValue(entity[name]);
  return told;
}

/** An integer beyond 2^53 is written as text: JSON's readers would round it. */
export function jsonValue(value: unknown): string | number | boolean {
  if (typeof value !== 'bigint') return value as string | number | boolean;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}
