/** What a client in another language computes from the page alone is what this program computes. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { bucketOf } from '../../src/serving/bucket.ts';
import { isShadowed } from '../../src/serving/shadows.ts';

const PROGRAM = `
import json, struct, sys
def murmur3(data, seed=0):
    h, n = seed, len(data)
    def rotl(x, r): return ((x << r) | (x >> (32 - r))) & 0xffffffff
    for at in range(0, n - n % 4, 4):
        k = struct.unpack_from('<I', data, at)[0]
        k = rotl(k * 0xcc9e2d51 & 0xffffffff, 15) * 0x1b873593 & 0xffffffff
        h = (rotl(h ^ k, 13) * 5 + 0xe6546b64) & 0xffffffff
    tail = int.from_bytes(data[n - n % 4:], 'little')
    if n % 4: h ^= rotl(tail * 0xcc9e2d51 & 0xffffffff, 15) * 0x1b873593 & 0xffffffff
    h ^= n
    h = (h ^ h >> 16) * 0x85ebca6b & 0xffffffff
    h = (h ^ h >> 13) * 0xc2b2ae35 & 0xffffffff
    return h ^ h >> 16
print(json.dumps([murmur3(text.encode()) % 10000 for text in json.load(sys.stdin)]))
`;

const hasPython = spawnSync('python3', ['--version']).status === 0;

it.skipIf(!hasPython)('buckets of variants and of shadows are those that Python computes', () => {
  const keys = Array.from({ length: 500 }, (_, at) => (at % 3 === 0 ? `päivi-${at}` : String(at * 7919)));
  const ask = (prefix: string): readonly number[] => {
    const run = spawnSync('python3', ['-c', PROGRAM], { input: JSON.stringify(keys.map((key) => `${prefix}:${key}`)) });
    return JSON.parse(run.stdout.toString()) as readonly number[];
  };
  expect(keys.map((key) => bucketOf('mortality', key))).toEqual(ask('mortality'));
  const shadow = { name: 'next', share: 20 };
  expect(keys.map((key) => isShadowed('mortality', shadow, key))).toEqual(
    ask('mortality/next').map((bucket) => bucket < 2_000),
  );
});
