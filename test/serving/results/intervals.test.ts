/** Intervals and tests that are looked at once: against scipy 1.17, published examples, and their coverage by simulation. */
import { describe, expect, it } from 'vitest';
import { differenceOf, intervalOf, type Measure, varianceOfValue } from '../../../src/serving/results/measure.ts';
import { sampleRatio } from '../../../src/serving/results/sample-ratio.ts';
import { sampleSize } from '../../../src/serving/results/sample-size.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { auc, binomial, meanOf, normal } from './draws.ts';

const rate = (ones: number, count: number): Measure => ({ kind: 'rate', ones, count });
const near = (value: readonly number[] | null, expected: readonly number[], digits = 10): void => {
  for (const [index, one] of expected.entries()) expect(value?.[index]).toBeCloseTo(one, digits);
};

describe('intervals', () => {
  it.each([
    [0, 20, 0, 0.16112515805281935],
    [3, 50, 0.020614970348973957, 0.1621709168883817],
    [120, 400, 0.25716767195619705, 0.34663724577752153],
    [50, 50, 0.9286524008666412, 1],
  ])("Wilson's of %d of %d", (ones, count, low, high) => near(intervalOf(rate(ones, count), 0.05), [low, high]));

  it("Student's of a mean, Welch's of a difference", () => {
    const a = meanOf([1.1, 2.3, 3.7, 2.9, 4.4, 1.8, 2.6]);
    const b = meanOf([2.0, 3.9, 4.1, 5.2, 3.3]);
    near(intervalOf(a, 0.05), [1.653874074181038, 3.7175544972475336]);
    const { value, interval, pValue } = differenceOf(a, b, 0.05);
    expect(value).toBeCloseTo(2.685714285714286 - 3.7, 12);
    near(interval, [-2.5508483801858186, 0.5222769516143901]);
    expect(pValue).toBeCloseTo(0.16804433235321514, 10);
  });

  it("Newcombe's example: 56 of 70 against 48 of 80 (Statistics in Medicine 17, 1998, table II a)", () => {
    const { interval } = differenceOf(rate(56, 70), rate(48, 80), 0.05);
    near(interval, [0.0524, 0.3339], 4);
  });

  it("Hanley and McNeil's example: an area of 0.893 of 51 and 58 (Radiology 143, 1982, table II)", () => {
    const variance = varianceOfValue({ kind: 'auc', value: 0.893, positives: 51, negatives: 58 });
    expect(Math.sqrt(variance!)).toBeCloseTo(0.0326, 3);
  });

  it('are not known from one row, and no certainty comes from rows that are alike', () => {
    expect(intervalOf(meanOf([1]), 0.05)).toBeNull();
    expect(differenceOf(meanOf([1]), meanOf([1, 2]), 0.05)).toMatchObject({ interval: null, pValue: null });
    const [low, high] = intervalOf({ kind: 'auc', value: 1, positives: 40, negatives: 40 }, 0.05)!;
    expect(low).toBeLessThan(1);
    expect(high).toBe(1);
    expect(differenceOf(rate(0, 30), rate(0, 30), 0.05).pValue).toBe(1);
  });

  it.each([
    ['a rate', 0.93, (random: () => number) => [rate(binomial(random, 200, 0.03), 200), 0.03] as const],
    [
      'a mean',
      0.93,
      (random: () => number) => [meanOf(Array.from({ length: 30 }, () => 2 + normal(random))), 2] as const,
    ],
    ['an area', 0.92, (random: () => number) => [auc(random, 60, 120, 1), 0.7602499389065233] as const],
  ])('of %s cover what is true as often as they say', (_, least, draw) => {
    const seeds = 1_000;
    let covered = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const [measure, truth] = draw(seededRandom(seed).next);
      const [low, high] = intervalOf(measure, 0.05)!;
      if (low <= truth && truth <= high) covered += 1;
    }
    expect(covered / seeds).toBeGreaterThan(least);
    expect(covered / seeds).toBeLessThan(0.985);
  });

  it.each([
    [
      'rates',
      (random: () => number) =>
        [rate(binomial(random, 150, 0.3), 150), rate(binomial(random, 90, 0.2), 90), 0.1] as const,
    ],
    [
      'means',
      (random: () => number) =>
        [
          meanOf(Array.from({ length: 40 }, () => 1 + 3 * normal(random))),
          meanOf(Array.from({ length: 15 }, () => normal(random))),
          1,
        ] as const,
    ],
  ])('of a difference of %s cover what is true as often as they say', (_, draw) => {
    const seeds = 1_000;
    let covered = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const [a, b, truth] = draw(seededRandom(seed).next);
      const [low, high] = differenceOf(a, b, 0.05).interval!;
      if (low <= truth && truth <= high) covered += 1;
    }
    expect(covered / seeds).toBeGreaterThan(0.93);
    expect(covered / seeds).toBeLessThan(0.975);
  });
});

describe('the ratio of samples', () => {
  const map = (counts: Record<string, number>) => new Map(Object.entries(counts));
  it('is tested as chi-square says', () => {
    const even = sampleRatio(map({ a: 5100, b: 4900 }), map({ a: 50, b: 50 }))!;
    expect(even.chiSquare).toBeCloseTo(4, 10);
    expect(even.pValue).toBeCloseTo(0.04550026389635857, 10);
    expect(even.mismatch).toBe(false);
    const three = sampleRatio(map({ a: 910, b: 60, c: 30 }), map({ a: 90, b: 8, c: 2 }))!;
    expect(three.pValue).toBeCloseTo(0.006373824764776824, 10);
    expect(sampleRatio(map({ a: 5300, b: 4700 }), map({ a: 50, b: 50 }))?.mismatch).toBe(true);
  });

  it('is not known where nothing is expected, or too little is there', () => {
    expect(sampleRatio(map({ a: 10 }), map({ a: 100 }))).toBeUndefined();
    expect(sampleRatio(map({ a: 10, b: 1 }), map({ a: 90, b: 10 }))).toBeUndefined();
    expect(sampleRatio(map({}), map({ a: 50, b: 50 }))).toBeUndefined();
  });
});

describe('the size of a sample', () => {
  it('is that of the textbook where one looks once: 5 % against 6 % takes 8,155 rows each (Fleiss, without correction: 8,158)', () => {
    const variance = (p: number): number => p * (1 - p);
    const size = sampleSize({
      varianceBaseline: variance(0.05),
      varianceVariant: variance(0.06),
      effect: 0.01,
      alpha: 0.05,
      power: 0.8,
      ratio: 1,
    });
    expect(size.fixed).toBe(8155);
    // Looking at any time costs.
    expect(size.sequential).toBeGreaterThan(size.fixed);
    expect(size.sequential).toBeLessThan(4 * size.fixed);
  });
});
