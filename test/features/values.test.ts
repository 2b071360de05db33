import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coerceKey, encodeKey } from '../../src/features/entity-key.ts';
import { formatTimestamp, parseTimestamp } from '../../src/features/time.ts';
import { coerceComputed, coerceValue, misfitReason, presentedValue } from '../../src/features/values.ts';
import type { KeyType } from '../../src/spec/schema-types.ts';

describe('times', () => {
  it('without a zone are UTC, with one are brought there', () => {
    const at = BigInt(Date.UTC(2024, 1, 29, 12, 30, 15)) * 1000n;
    for (const text of [
      '2024-02-29 12:30:15',
      '2024-02-29T12:30:15Z',
      '2024-02-29T14:30:15+02:00',
      '2024-02-29T07:00:15-0530',
      '2024-02-29T13:30:15+01',
      '2024-02-29 12:30:15.000 UTC',
    ]) {
      expect(parseTimestamp(text), text).toBe(at);
    }
    expect(parseTimestamp('2024-02-29')).toBe(BigInt(Date.UTC(2024, 1, 29)) * 1000n);
    expect(parseTimestamp('1969-12-31T23:59:59.999999Z')).toBe(-1n);
  });

  it('that are none are refused', () => {
    for (const text of [
      '',
      'yesterday',
      '2024-02-30',
      '2023-02-29',
      '2024-13-01',
      '2024-01-01T24:00:00',
      '2024-01-01T10:60:00',
      '1700000000',
      '2024-01-01T10',
    ]) {
      expect(parseTimestamp(text), text).toBeUndefined();
    }
  });

  it('come back from their text to the microsecond, and order as their texts do', () => {
    const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(micros, (at) => parseTimestamp(formatTimestamp(at)) === at),
      { seed: 1 },
    );
    fc.assert(
      fc.property(micros, micros, (a, b) => formatTimestamp(a) < formatTimestamp(b) === a < b),
      { seed: 2 },
    );
  });
});

describe('values', () => {
  it('fit their type or are refused', () => {
    const refused: [Parameters<typeof coerceValue>[0], unknown][] = [
      ['bool', 1],
      ['int32', 2 ** 31],
      ['int32', 1.5],
      ['int64', '9223372036854775808'],
      ['int64', ''],
      ['int64', true],
      ['float64', 'much'],
      ['float64', ''],
      ['float64', Number.NaN],
      ['float64', 'Infinity'],
      ['float32', 1e300],
      ['string', 5],
      ['timestamp', 5],
      ['date', '2024-02-30'],
      ['date', '2024-02-01T00:00:00Z'],
      ['uuid', 'x'],
      ['bytes', 'a'],
    ];
    for (const [type, value] of refused) expect(coerceValue(type, value), `${type} ${String(value)}`).toBeUndefined();
    expect(coerceValue('int64', '-9223372036854775808')).toBe(-(2n ** 63n));
    expect(coerceValue('int64', '42')).toBe(42);
    expect(coerceValue('float32', 0.1)).toBe(Math.fround(0.1));
    expect(coerceValue('json', { a: 1 })).toBe('{"a":1}');
    expect(coerceValue('string', null)).toBeNull();
  });

  it('that are lists fit with each item, or are refused with a reason', () => {
    expect(coerceValue('array<int64>', ['9223372036854775807', null, 1])).toEqual([9223372036854775807n, null, 1]);
    expect(coerceValue('array<uuid>', ['0E37DF36-F698-11E6-8DD4-CB9CED3DF976'])).toEqual([
      '0e37df36-f698-11e6-8dd4-cb9ced3df976',
    ]);
    expect(coerceValue('array<string>', [])).toEqual([]);
    expect(coerceValue('vector<2>', [0.1, 2])).toEqual(Float32Array.of(0.1, 2));
    const refused: [Parameters<typeof misfitReason>[0], unknown, string][] = [
      ['array<int32>', [1, 'x'], ': its item 1 is "x", which is no int32'],
      ['array<string>', 'x', ': it is no list'],
      ['vector<3>', [1, 2], ': it has 2 numbers'],
      ['vector<2>', [1, null], ': its item 1 is null, which is no float32'],
      ['vector<2>', ['1', 2], ': its item 0 is "1", which is no float32'],
      ['vector<2>', [1, 1e300], ': its item 1 is 1e+300, which is no float32'],
      ['vector<2>', 7, ': it is no list'],
    ];
    for (const [type, value, reason] of refused) {
      expect(coerceValue(type, value), type).toBeUndefined();
      expect(misfitReason(type, value), type).toBe(reason);
    }
    expect(presentedValue('vector<2>', Float32Array.of(0.5, 2))).toEqual([0.5, 2]);
    expect(coerceComputed('array<string>', [1, 'a', null])).toEqual(['1', 'a', null]);
    expect(coerceComputed('vector<2>', [1, 2, 3])).toBeNull();
  });

  it('of expressions become those of the feature’s type', () => {
    expect(coerceComputed('int64', 2.5)).toBe(3);
    expect(coerceComputed('float32', 0.1)).toBe(Math.fround(0.1));
    expect(coerceComputed('bool', 1)).toBeNull();
    expect(coerceComputed('float64', true)).toBe(1);
    expect(coerceComputed('string', 5)).toBe('5');
    expect(coerceComputed('float64', null)).toBeNull();
  });
});

describe('an entity key', () => {
  it('has bytes of its own: no two keys run together', () => {
    const type = fc.constantFrom<KeyType>('int64', 'string');
    const key = fc
      .array(type, { minLength: 1, maxLength: 3 })
      .chain((types) =>
        fc.tuple(
          fc.constant(types),
          fc.tuple(
            ...types.map((one) =>
              one === 'string' ? fc.string({ maxLength: 3 }) : fc.integer({ min: -12, max: 112 }),
            ),
          ),
        ),
      );
    fc.assert(
      fc.property(key, key, ([types, values], [otherTypes, otherValues]) => {
        const same = JSON.stringify([types, values]) === JSON.stringify([otherTypes, otherValues]);
        return Buffer.from(encodeKey(types, values)).equals(Buffer.from(encodeKey(otherTypes, otherValues))) === same;
      }),
      { seed: 3, numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(encodeKey(['int64'], [value])).toEqual(encodeKey(['int64'], [BigInt(value)]));
      }),
    );
    expect(encodeKey(['string', 'string'], ['1', '12'])).not.toEqual(encodeKey(['string', 'string'], ['11', '2']));
    expect(encodeKey(['string'], ['1'])).not.toEqual(encodeKey(['int64'], [1]));
  });

  it('is taken from what was sent by type, in the order of the entity’s keys', () => {
    const keys = { ward: 'string', id: 'int64', day: 'date' } as const;
    expect(Object.entries(coerceKey('s', keys, { id: '7', day: '2024-01-02', ward: 'A', more: 1 }))).toEqual([
      ['ward', 'A'],
      ['id', 7],
      ['day', '2024-01-02'],
    ]);
    expect(() => coerceKey('s', keys, { id: 7, day: '2024-01-02' })).toThrow(
      expect.objectContaining({ code: 'FS202', hint: 'its keys: ward (string), id (int64), day (date)' }),
    );
    expect(() => coerceKey('s', keys, { id: 7.5, ward: 'A', day: '2024-01-02' })).toThrow(
      expect.objectContaining({ code: 'FS202' }),
    );
    expect(() => coerceKey('s', keys, { id: 7, ward: 5, day: '2024-01-02' })).toThrow(
      expect.objectContaining({ code: 'FS202' }),
    );
  });
});
