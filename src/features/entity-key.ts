/**
 * An entity key as bytes: its values in the order of the entity's keys, each by its type. Different keys never give the
 * same bytes: (`1`, `12`) is not (`11`, `2`), and the text "1" is not the number 1.
 *
 *     int32, int64, timestamp, date   tag, 8 bytes two's complement, big end first
 *     string, uuid                    tag, length (4 bytes), UTF-8
 */

import { invariant } from '../lib/assert.ts';
import { MlopsError } from '../lib/error.ts';
import type { KeyType } from '../spec/schema-types.ts';
import { parseTimestamp } from './time.ts';
import { coerceValue, type Value } from './values.ts';

const WORD = 2 ** 32;
const TAGS: Readonly<Record<KeyType, number>> = { int32: 1, int64: 1, string: 2, uuid: 3, timestamp: 4, date: 5 };

/** The key's values from what a client sent. FS202 where one is missing or of another type. */
export function coerceKey(
  set: string,
  keys: Readonly<Record<string, KeyType>>,
  entity: Readonly<Record<string, unknown>>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    Object.entries(keys).map(([name, type]) => {
      const given = entity[name];
      const value = coerceValue(type, given);
      if (value === null)
        throw keyProblem(set, `The key ${name} (${type}) of the feature set ${set} is missing.`, keys);
      if (value === undefined)
        throw keyProblem(
          set,
          `The key ${name} of the feature set ${set} is ${type}; ${JSON.stringify(typeof given === 'bigint' ? String(given) : given)} is not.`,
          keys,
        );
      return [name, value];
    }),
  );
}

function keyProblem(set: string, detail: string, keys: Readonly<Record<string, KeyType>>): MlopsError {
  return new MlopsError('FS202', {
    address: `feature_set.${set}`,
    detail,
    hint: `its keys: ${Object.entries(keys)
      .map(([name, type]) => `${name} (${type})`)
      .join(', ')}`,
  });
}

/** The bytes of an entity's key, from what a client sent. FS202 as {@link coerceKey}. */
export function encodeEntity(
  set: string,
  keys: readonly { readonly name: string; readonly type: KeyType }[],
  entity: Readonly<Record<string, unknown>>,
): Uint8Array {
  const encoded = keys.map(({ name, type }) => {
    const value = coerceValue(type, entity[name]);
    if (value !== null && value !== undefined) return encodeOne(type, value);
    coerceKey(set, Object.fromEntries(keys.map((key) => [key.name, key.type])), entity);
    throw new Error('a key that does not fit is refused');
  });
  return encoded.length === 1 && encoded[0] !== undefined ? encoded[0] : Buffer.concat(encoded);
}

/** `values` in the order of `types`, as {@link coerceKey} and the offline store give them. */
export function encodeKey(types: readonly KeyType[], values: readonly unknown[]): Uint8Array {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return encodeOne(only, values[0]);
  return Buffer.concat(types.map((type, index) => encodeOne(type, values[index])));
}

function encodeOne(type: KeyType, value: unknown): Buffer {
  if (type === 'string' || type === 'uuid') {
    invariant(typeof value === 'string', `a ${type} key is a text`);
    const length = Buffer.byteLength(value, 'utf8');
    const bytes = Buffer.allocUnsafe(5 + length);
    bytes.writeUInt8(TAGS[type]);
    bytes.writeUInt32BE(length, 1);
    bytes.write(value, 5, 'utf8');
    return bytes;
  }
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = TAGS[type];
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    // The same as below in two words: a bigint costs more than all the rest.
    bytes.writeInt32BE(Math.floor(value / WORD), 1);
    bytes.writeUInt32BE(value >>> 0, 5);
  } else bytes.writeBigInt64BE(integerOf(type, value), 1);
  return bytes;
}

function integerOf(type: KeyType, value: unknown): bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return BigInt(value);
  const micros = typeof value === 'string' ? parseTimestamp(value) : undefined;
  invariant(micros !== undefined, `a ${type} key is a number or a time`);
  return micros;
}
