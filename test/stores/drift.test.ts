/** Measures of drift against numbers that numpy and scipy computed, and the bins of profiles against counting. */
import { describe, expect, it } from 'vitest';
import { jensenShannon, populationStability } from '../../src/stores/drift.ts';
import { binOf, checkProfile, profileColumn, type ReferenceProfile } from '../../src/stores/reference-profile.ts';

/** As numpy.histogram has them: equal widths, the last bin with its upper bound. */
function histogram(values: readonly number[], low: number, high: number, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]! += 1;
  return counts;
}

describe('drift', () => {
  const reference = Array.from({ length: 30 }, (_, at) => at + 1);
  const [r, c] = [reference, reference.map((value) => value + 5)].map((values) => histogram(values, 1, 35, 7));

  it('is the population stability index of Evidently, empty bins included', () => {
    expect(populationStability(r!, c!)).toBeCloseTo(2.4713765847354927, 12);
  });

  it('is the Jensen-Shannon distance of scipy', () => {
    expect(jensenShannon(r!, c!)).toBeCloseTo(0.3398889967229363, 12);
    expect(jensenShannon([1, 0], [0, 5])).toBeCloseTo(Math.sqrt(Math.LN2), 12);
  });

  it('is 0 of the same shares, and not known where one side is empty', () => {
    expect(populationStability([1, 2, 3], [2, 4, 6])).toBe(0);
    expect(jensenShannon([1, 2, 3], [2, 4, 6])).toBe(0);
    expect(populationStability([1, 2], [0, 0])).toBeNull();
    expect(jensenShannon([0, 0], [1, 2])).toBeNull();
  });
});

describe('a reference profile', () => {
  it('has bins of about as many rows each, one for each number where there are few, none beyond the greatest', () => {
    const many = profileColumn(Float64Array.from({ length: 2_000 }, (_, at) => (at * 7919) % 2_000));
    if (many.kind !== 'number') throw new Error('numbers');
    expect(many.counts).toEqual(new Array(20).fill(100));
    const few = profileColumn([3, 1, 2, 2, 1, 1, null, Number.NaN]);
    expect(few).toMatchObject({ count: 8, nulls: 2, edges: [1, 2], counts: [3, 2, 1], min: 1, max: 3 });
    expect(profileColumn([5, 5, 5])).toMatchObject({ edges: [], counts: [3] });
    expect(profileColumn([null, null])).toMatchObject({ count: 2, nulls: 2, edges: [], mean: null, quantiles: null });
  });

  it('puts a number into the bin whose upper bound it does not exceed', () => {
    const edges = [-1, 0, 2.5];
    expect([-9, -1, -0.5, 0, 2.5, 2.6].map((value) => binOf(edges, value))).toEqual([0, 0, 1, 1, 2, 3]);
    // Seed 3, against counting.
    let seed = 3;
    const next = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const bounds = [...new Set(Array.from({ length: 30 }, next))].sort((a, b) => a - b);
    for (let at = 0; at < 200; at += 1) {
      const value = next();
      expect(binOf(bounds, value)).toBe(bounds.filter((bound) => bound < value).length);
    }
  });

  it('keeps the most frequent texts, and counts the others', () => {
    const texts = Array.from({ length: 60 }, (_, at) => `t${at}`).flatMap((text, at) =>
      at < 2 ? [text, text] : [text],
    );
    const profile = profileColumn(texts);
    if (profile.kind !== 'category') throw new Error('texts');
    expect(profile.top.slice(0, 3)).toEqual([
      { value: 't0', count: 2 },
      { value: 't1', count: 2 },
      { value: 't10', count: 1 },
    ]);
    expect(profile).toMatchObject({ distinct: 60, other: 10, count: 62 });
    expect(profileColumn([[1, 2], null])).toEqual({ kind: 'opaque', count: 2, nulls: 1 });
  });

  it('is checked before it is taken: format, bounds and sums', () => {
    const good: ReferenceProfile = {
      format: 'mlops.profile/1',
      inputs: { 'a.b': profileColumn([1, 2, null]), 'a.c': profileColumn(['x']) },
      outputs: {},
    };
    expect(checkProfile(JSON.parse(JSON.stringify(good)))).toEqual(good);
    const { 'a.b': b, 'a.c': c } = good.inputs;
    for (const [where, change] of [
      ['/format', { format: 'mlops.profile/2' }],
      ['/outputs', { outputs: undefined }],
      ['/inputs/a.b/counts', { inputs: { 'a.b': { ...b, count: 4 } } }],
      ['/inputs/a.b/counts', { inputs: { 'a.b': { ...b, edges: [1, 2] } } }],
      ['/inputs/a.b/edges/1', { inputs: { 'a.b': { ...b, edges: [2, 1], counts: [0, 1, 1] } } }],
      ['/inputs/a.b/kind', { inputs: { 'a.b': { ...b, kind: 'numbers' } } }],
      ['/inputs/a.c', { inputs: { 'a.c': { ...c, other: 1 } } }],
      ['/inputs/a.c/top/0/value', { inputs: { 'a.c': { ...c, top: [{ value: 1, count: 1 }] } } }],
    ] as const)
      expect(() => checkProfile({ ...good, ...change }), where).toThrow(
        expect.objectContaining({ code: 'MD230', detail: expect.stringContaining(where) }),
      );
    expect(() => checkProfile(undefined)).toThrow(expect.objectContaining({ code: 'MD230' }));
  });
});
