/** The test that may be looked at at any time, looked at all the time. */
import { describe, expect, it } from 'vitest';
import type { Measure } from '../../../src/serving/results/measure.ts';
import { sampleSize } from '../../../src/serving/results/sample-size.ts';
import { sequential, sequentialDifference, sequentialInterval } from '../../../src/serving/results/sequential.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { normal } from './draws.ts';

type Draw = (random: () => number, treated: boolean) => number;

interface Arm {
  count: number;
  sum: number;
  squares: number;
}

const measureOf = ({ count, sum, squares }: Arm, rate: boolean): Measure =>
  rate
    ? { kind: 'rate', ones: sum, count }
    : { kind: 'mean', moments: { count, mean: sum / count, m2: squares - (sum * sum) / count } };

/** The first look at which it says that there is a difference, and whether the interval ever left the truth out; at every 20 rows. */
function stream(
  seed: number,
  draw: Draw,
  { share, rate, rows, truth }: { share: number; rate: boolean; rows: number; truth: number },
): { seenAt: number | undefined; missed: boolean } {
  const random = seededRandom(seed).next;
  const arms: readonly [Arm, Arm] = [
    { count: 0, sum: 0, squares: 0 },
    { count: 0, sum: 0, squares: 0 },
  ];
  let seenAt: number | undefined;
  let missed = false;
  for (let row = 1; row <= rows; row += 1) {
    const treated = random() < share;
    const arm = arms[treated ? 1 : 0];
    const value = draw(random, treated);
    arm.count += 1;
    arm.sum += value;
    arm.squares += value * value;
    if (row % 20 !== 0 || arms[0].count < 2 || arms[1].count < 2) continue;
    const test = sequentialDifference(measureOf(arms[1], rate), measureOf(arms[0], rate), 0.05);
    if (test === null) continue;
    if (test.pValue <= 0.05) seenAt ??= row;
    missed ||= truth < test.interval[0] || truth > test.interval[1];
  }
  return { seenAt, missed };
}

const SEEDS = 400;
const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
/** Of 400 streams three standard deviations above 5 %. */
const MOST = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / SEEDS);

describe('the sequential test', () => {
  it.each<[string, number, boolean, Draw]>([
    ['values, half and half', 0.5, false, (random) => normal(random)],
    ['values, 5 % in the variant', 0.05, false, (random) => normal(random)],
    ['skewed losses', 0.2, false, (random) => -Math.log(1 - random())],
    ['a rate of one half', 0.5, true, (random) => (random() < 0.5 ? 1 : 0)],
    ['a rate of 2 %, 5 % in the variant', 0.05, true, (random) => (random() < 0.02 ? 1 : 0)],
    ['a rate of 0.2 %', 0.5, true, (random) => (random() < 0.002 ? 1 : 0)],
  ])(
    'sees a difference of %s where there is none in at most 5 % of the streams, looked at all the time',
    (_, share, rate, draw) => {
      const wrong = seeds.filter(
        (seed) => stream(seed, draw, { share, rate, rows: 5_000, truth: 0 }).seenAt !== undefined,
      );
      expect(wrong.length / SEEDS).toBeLessThanOrEqual(MOST);
    },
  );

  it('has the true difference in all of its intervals at once in 95 % of the streams', () => {
    const draw: Draw = (random, treated) => (treated ? 0.3 : 0) + normal(random);
    const missed = seeds.filter(
      (seed) => stream(seed, draw, { share: 0.5, rate: false, rows: 5_000, truth: 0.3 }).missed,
    );
    expect(missed.length / SEEDS).toBeLessThanOrEqual(MOST);
  });

  it('has seen an effect with the power that was asked for by the sample size that it names', () => {
    const size = sampleSize({
      varianceBaseline: 1,
      varianceVariant: 1,
      effect: 0.2,
      alpha: 0.05,
      power: 0.8,
      ratio: 1,
    }).sequential;
    const draw: Draw = (random, treated) => (treated ? 0.2 : 0) + normal(random);
    const seen = seeds.filter(
      (seed) => stream(seed, draw, { share: 0.5, rate: false, rows: 2 * size, truth: 0.2 }).seenAt !== undefined,
    );
    expect(seen.length / SEEDS).toBeGreaterThan(0.8);
  });

  it('is the formula: Λ is the normal mixture of likelihood ratios, integrated by hand', () => {
    const [value, variance, rows] = [0.31, 0.02, 400];
    const { pValue, interval } = sequential(value, variance, rows, 0.05, 500);
    const bits = -2 * Math.log(0.05);
    // The prior of the difference: normal with variance t·ρ²·V.
    const prior = ((rows * (bits + Math.log(bits + 1))) / 500) * variance;
    let ratio = 0;
    const step = Math.sqrt(prior) / 400;
    for (let theta = -10 * Math.sqrt(prior); theta <= 10 * Math.sqrt(prior); theta += step) {
      const density = Math.exp((-theta * theta) / (2 * prior)) / Math.sqrt(2 * Math.PI * prior);
      ratio += density * Math.exp((value * theta - (theta * theta) / 2) / variance) * step;
    }
    expect(pValue).toBeCloseTo(Math.min(1, 1 / ratio), 6);
    // At an end of the interval the ratio is 1/α: p is α there.
    expect(sequential(value - interval[0], variance, rows, 0.05, 500).pValue).toBeCloseTo(0.05, 10);
  });

  it('says nothing of a few rows', () => {
    const few: Measure = { kind: 'rate', ones: 90, count: 99 };
    const many: Measure = { kind: 'rate', ones: 9, count: 900 };
    expect(sequentialDifference(few, many, 0.05)).toBeNull();
    expect(sequentialInterval(few, 0.05)).toBeNull();
    expect(sequentialDifference({ kind: 'auc', value: 0.9, positives: 20, negatives: 5_000 }, many, 0.05)).toBeNull();
  });
});
