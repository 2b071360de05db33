import { describe, expect, it } from 'vitest';
import { BUCKETS, bucketOf, keyText, murmur3 } from '../../src/serving/bucket.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('buckets', () => {
  // Vectors that implementations in many languages share (smhasher, Guava, Python's mmh3, Apache Commons Codec).
  it.each([
    ['', 0, 0x00000000],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['hello', 0, 0x248bfa47],
    ['hello, world', 0, 0x149bbb7f],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ])('murmur3 of %j with seed %i', (text, seed, expected) => {
    expect(murmur3(utf8(text), seed)).toBe(expected);
  });

  // What a client in another language checks itself against.
  it.each([
    ['mortality', '1'],
    ['mortality', '2'],
    ['mortality', '312'],
    ['mortality', 'päivi'],
    ['other', '1'],
  ])('the bucket of %s:%s is the hash of both, modulo 10000', (endpoint, key) => {
    expect(bucketOf(endpoint, key)).toBe(murmur3(utf8(`${endpoint}:${key}`), 0) % 10_000);
  });

  it('has golden buckets', () => {
    expect(['1', '2', '312', 'päivi'].map((key) => bucketOf('mortality', key))).toMatchInlineSnapshot(`
      [
        7977,
        55,
        2837,
        5539,
      ]
    `);
  });

  it('spreads keys evenly', () => {
    const counts = new Array<number>(10).fill(0);
    for (let key = 0; key < 100_000; key += 1)
      counts[Math.floor((bucketOf('mortality', String(key)) * 10) / BUCKETS)]! += 1;
    // chi-squared with 9 degrees of freedom: 27.9 is its 99.9th percentile
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
  });

  it('takes numbers and their text for the same key, and nothing that is no key', () => {
    expect([5, 5n, '5', true].map((value) => keyText(value, 'id'))).toEqual(['5', '5', '5', 'true']);
    for (const value of [null, undefined, '', {}, [], Number.NaN]) expect(() => keyText(value, 'id')).toThrow('EP204');
  });
});
