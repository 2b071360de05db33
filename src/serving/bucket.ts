/**
 * Which bucket a key falls into: the one computation that every replica, and every client in every language, must share.
 *
 *   bucket = murmur3_x86_32(utf8(endpoint + ":" + key), seed 0) mod 10000
 *
 * MurmurHash3 x86 32-bit is A. Appleby's (public domain, github.com/aappleby/smhasher), found in the standard tools of most
 * languages. A key is text as it is, an integer in decimal, a boolean as `true` or `false`. Golden vectors: test/serving/bucket.test.ts.
 */
import { MlopsError } from '../lib/error.ts';

export const BUCKETS = 10_000;

const utf8 = new TextEncoder();

export function bucketOf(endpoint: string, key: string): number {
  return murmur3(utf8.encode(`${endpoint}:${key}`), 0) % BUCKETS;
}

/** EP204 where the value is no key. */
export function keyText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return String(value);
  throw new MlopsError('EP204', {
    detail: `The key "${name}" is ${JSON.stringify(value) ?? 'missing'}, but must be a text, a number or a boolean.`,
    status: 422,
  });
}

export function murmur3(data: Uint8Array, seed: number): number {
  const blocks = data.length >> 2;
  let hash = seed | 0;
  for (let block = 0; block < blocks; block += 1) {
    const at = block * 4;
    const k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    hash ^= mixed(k);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  const tail = blocks * 4;
  let rest = 0;
  for (let at = data.length - 1; at >= tail; at -= 1) rest = (rest << 8) | data[at]!;
  if (data.length > tail) hash ^= mixed(rest);
  hash ^= data.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}
