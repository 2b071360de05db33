/**
 * Values as the online store and expressions have them: boolean, number (bigint beyond 2^53), text, null. Times are texts in
 * ISO 8601 with microseconds, dates `2026-01-02`, bytes base64, JSON its text; an array is a list of these, an embedding a
 * Float32Array. What clients send is brought into this form.
 */
import { assertNever } from '../lib/assert.ts';
import { parseDtype } from '../spec/dtype.ts';
import type { Dtype, KeyType, ScalarDtype } from '../spec/schema-types.ts';
import { formatTimestamp, parseTimestamp } from './time.ts';

export type ScalarValue = boolean | number | bigint | string | null;
export type Value = ScalarValue | readonly ScalarValue[] | Float32Array;

const INT_RANGE = { int32: [-(2n ** 31n), 2n ** 31n - 1n], int64: [-(2n ** 63n), 2n ** 63n - 1n] } as const;

/** Undefined where the value is none of this type. */
export function coerceValue(type: Dtype | KeyType, value: unknown): Value | undefined {
  if (value === null || value === undefined) return null;
  const dtype = parseDtype(type);
  if (dtype.kind === 'vector') return coerceVector(dtype.length, value);
  if (dtype.kind === 'scalar') return coerceScalar(dtype.type, value);
  if (!Array.isArray(value)) return undefined;
  const items = value.map((item) => coerceScalar(dtype.of, item));
  return items.includes(undefined) ? undefined : (items as ScalarValue[]);
}

/** Why {@link coerceValue} does not take a value, to follow it: `: it has 2 numbers`. Empty where there is no more to say. */
export function misfitReason(type: Dtype, value: unknown): string {
  const dtype = parseDtype(type);
  if (dtype.kind === 'scalar') return '';
  if (!Array.isArray(value)) return ': it is no list';
  if (dtype.kind === 'vector' && value.length !== dtype.length)
    return `: it has ${value.length} ${value.length === 1 ? 'number' : 'numbers'}`;
  const item = dtype.kind === 'vector' ? 'float32' : dtype.of;
  const at = value.findIndex((each) => {
    const fitting = dtype.kind === 'vector' && typeof each !== 'number' ? undefined : coerceScalar(item, each);
    return fitting === undefined;
  });
  return at < 0 ? '' : `: its item ${at} is ${JSON.stringify(value[at])}, which is no ${item}`;
}

/** Every number is there and finite, and there are exactly so many. */
function coerceVector(length: number, value: unknown): Float32Array | undefined {
  if (!(Array.isArray(value) || value instanceof Float32Array) || value.length !== length) return undefined;
  const vector = new Float32Array(length);
  for (let at = 0; at < length; at += 1) {
    const number: unknown = value[at];
    if (typeof number !== 'number') return undefined;
    vector[at] = number;
    if (!Number.isFinite(vector[at])) return undefined;
  }
  return vector;
}

function coerceScalar(type: ScalarDtype, value: unknown): ScalarValue | undefined {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'bool':
      return typeof value === 'boolean' ? value : undefined;
    case 'int32':
    case 'int64':
      return coerceInteger(type, value);
    case 'float32':
    case 'float64': {
      const number =
        typeof value === 'number'
          ? value
          : typeof value === 'string' && value.trim() !== ''
            ? Number(value)
            : Number.NaN;
      const fitting = type === 'float32' ? Math.fround(number) : number;
      // JSON, in which values are recorded and answered, has no infinity.
      return Number.isFinite(fitting) ? fitting : undefined;
    }
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'timestamp': {
      const micros = typeof value === 'string' ? parseTimestamp(value) : undefined;
      return micros === undefined ? undefined : formatTimestamp(micros);
    }
    case 'date': {
      const micros = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? parseTimestamp(value) : undefined;
      return micros === undefined ? undefined : formatTimestamp(micros).slice(0, 10);
    }
    case 'uuid':
      return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
        ? value.toLowerCase()
        : undefined;
    case 'bytes':
      return typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0
        ? value
        : undefined;
    case 'json':
      return JSON.stringify(value);
    default:
      return assertNever(type, 'type');
  }
}

function coerceInteger(type: 'int32' | 'int64', value: unknown): ScalarValue | undefined {
  const whole =
    (typeof value === 'number' && Number.isSafeInteger(value)) ||
    typeof value === 'bigint' ||
    (typeof value === 'string' && /^[+-]?\d{1,20}$/.test(value.trim()));
  if (!whole) return undefined;
  const integer = BigInt(value);
  const [min, max] = INT_RANGE[type];
  if (integer < min || integer > max) return undefined;
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

/** What an expression gave, as a value of its feature's type; null where it is none. The same offline and online. */
export function coerceComputed(type: Dtype, value: unknown): Value {
  if (value === null || value === undefined) return null;
  const dtype = parseDtype(type);
  if (dtype.kind === 'scalar') return coerceComputedScalar(dtype.type, value);
  if (dtype.kind === 'vector' || !Array.isArray(value)) return coerceValue(type, value) ?? null;
  return value.map((item) => coerceComputedScalar(dtype.of, item));
}

function coerceComputedScalar(type: ScalarDtype, value: unknown): ScalarValue {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'bool':
      return typeof value === 'boolean' ? value : null;
    case 'int32':
    case 'int64':
      return typeof value === 'boolean'
        ? Number(value)
        : typeof value === 'number'
          ? (coerceInteger(type, Math.round(value)) ?? null)
          : null;
    case 'float32':
    case 'float64':
      return typeof value === 'boolean' ? Number(value) : (coerceScalar(type, value) ?? null);
    case 'string':
      return String(value);
    default:
      return coerceScalar(type, value) ?? null;
  }
}

/** A value as it is handed out: JSON as what it says, an embedding as a list of numbers, everything else as it is. */
export function presentedValue(type: Dtype, value: unknown): unknown {
  if (typeof value === 'number' || value === null) return value;
  if (value instanceof Float32Array) return Array.from(value);
  return type === 'json' && typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
}
