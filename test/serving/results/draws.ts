/** Rows drawn at random, and what is measured of them, without the code under test. */
import type { Measure } from '../../../src/serving/results/measure.ts';

export const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

export function binomial(random: () => number, count: number, rate: number): number {
  let ones = 0;
  for (let row = 0; row < count; row += 1) if (random() < rate) ones += 1;
  return ones;
}

export function meanOf(values: readonly number[]): Measure {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    kind: 'mean',
    moments: { count: values.length, mean, m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) },
  };
}

/** Scores of positives are greater by so many standard deviations; the area is counted pair by pair. */
export function auc(random: () => number, positives: number, negatives: number, apart: number): Measure {
  const high = Array.from({ length: positives }, () => apart + normal(random));
  const low = Array.from({ length: negatives }, () => normal(random));
  const won = high.reduce((sum, score) => sum + low.filter((other) => other < score).length, 0);
  return { kind: 'auc', value: won / (positives * negatives), positives, negatives };
}
