/**
 * What one variant measured of one metric: a mean of rows, a rate, or an area under the curve. And the intervals around it and around the
 * difference of two, as somebody who looks once may read them.
 */
import { normalQuantile, normalTwoSided, studentCritical, studentTwoSided } from '../../lib/distributions.ts';
import type { Moments } from '../../lib/moments.ts';
import { ofRate, varianceOf } from './moments.ts';

export type Measure =
  | { readonly kind: 'mean'; readonly moments: Moments }
  /** Of `count` rows, `ones` are. */
  | { readonly kind: 'rate'; readonly ones: number; readonly count: number }
  | { readonly kind: 'auc'; readonly value: number; readonly positives: number; readonly negatives: number };

export type Interval = readonly [low: number, high: number];

export interface Difference {
  readonly value: number;
  readonly interval: Interval | null;
  /** Of a test whose size was fixed before and that is looked at once. */
  readonly pValue: number | null;
}

export function valueIn(measure: Measure): number {
  if (measure.kind === 'auc') return measure.value;
  return measure.kind === 'rate' ? measure.ones / measure.count : measure.moments.mean;
}

export function countOf(measure: Measure): number {
  if (measure.kind === 'auc') return measure.positives + measure.negatives;
  return measure.kind === 'rate' ? measure.count : measure.moments.count;
}

/**
 * Variance of the value. Of a rate with one success and one failure added (Agresti and Caffo, The American Statistician 54, 2000), so that a rate
 * of 0 is not taken for certain; of an area by Hanley and McNeil, Radiology 143 (1982).
 */
export function varianceOfValue(measure: Measure): number | null {
  if (measure.kind === 'rate') {
    const rate = (measure.ones + 1) / (measure.count + 2);
    return (rate * (1 - rate)) / (measure.count + 2);
  }
  if (measure.kind === 'mean') {
    const variance = varianceOf(measure.moments);
    return variance === null ? null : variance / measure.moments.count;
  }
  const { value, positives, negatives } = measure;
  if (positives < 1 || negatives < 1) return null;
  // An area of 0 or 1 is as uncertain as one pair ranked otherwise.
  const area = Math.min(Math.max(value, 0.5 / (positives * negatives)), 1 - 0.5 / (positives * negatives));
  const q1 = area / (2 - area);
  const q2 = (2 * area * area) / (1 + area);
  return (
    (area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)) /
    (positives * negatives)
  );
}

/** Wilson's for a rate (JASA 22, 1927), Student's for a mean, the normal one for an area. Null where too few rows tell it. */
export function intervalOf(measure: Measure, alpha: number): Interval | null {
  const z = normalQuantile(1 - alpha / 2);
  if (measure.kind === 'rate') {
    const { ones, count } = measure;
    if (count === 0) return null;
    const rate = ones / count;
    const middle = (rate + (z * z) / (2 * count)) / (1 + (z * z) / count);
    const half = (z / (1 + (z * z) / count)) * Math.sqrt((rate * (1 - rate)) / count + (z * z) / (4 * count * count));
    return [ones === 0 ? 0 : middle - half, ones === count ? 1 : middle + half];
  }
  const variance = varianceOfValue(measure);
  if (variance === null) return null;
  const critical = measure.kind === 'mean' ? studentCritical(alpha, measure.moments.count - 1) : z;
  const half = critical * Math.sqrt(variance);
  const value = valueIn(measure);
  return measure.kind === 'auc' ? [Math.max(0, value - half), Math.min(1, value + half)] : [value - half, value + half];
}

/**
 * What `a` measured more than `b`: Newcombe's interval for rates (Statistics in Medicine 17, 1998, method 10) with the pooled test, Welch's for
 * means (Biometrika 34, 1947), the normal one for areas of different rows.
 */
export function differenceOf(a: Measure, b: Measure, alpha: number): Difference {
  const value = valueIn(a) - valueIn(b);
  if (a.kind === 'rate' && b.kind === 'rate') {
    const [own, other] = [intervalOf(a, alpha), intervalOf(b, alpha)];
    if (own === null || other === null) return { value, interval: null, pValue: null };
    const [rateA, rateB] = [valueIn(a), valueIn(b)];
    const pooled = (a.ones + b.ones) / (a.count + b.count);
    const variance = pooled * (1 - pooled) * (1 / a.count + 1 / b.count);
    return {
      value,
      interval: [
        value - Math.hypot(rateA - own[0], other[1] - rateB),
        value + Math.hypot(own[1] - rateA, rateB - other[0]),
      ],
      pValue: variance === 0 ? 1 : normalTwoSided(value / Math.sqrt(variance)),
    };
  }
  const [varianceA, varianceB] = [varianceOfValue(a), varianceOfValue(b)];
  if (varianceA === null || varianceB === null) return { value, interval: null, pValue: null };
  const variance = varianceA + varianceB;
  if (variance === 0) return { value, interval: [value, value], pValue: value === 0 ? 1 : 0 };
  if (a.kind === 'mean' && b.kind === 'mean') {
    const freedom =
      (variance * variance) / (varianceA ** 2 / (a.moments.count - 1) + varianceB ** 2 / (b.moments.count - 1));
    const half = studentCritical(alpha, freedom) * Math.sqrt(variance);
    return {
      value,
      interval: [value - half, value + half],
      pValue: studentTwoSided(value / Math.sqrt(variance), freedom),
    };
  }
  const half = normalQuantile(1 - alpha / 2) * Math.sqrt(variance);
  return { value, interval: [value - half, value + half], pValue: normalTwoSided(value / Math.sqrt(variance)) };
}

/** A rate as the moments of its rows. */
export const momentsOf = (measure: Exclude<Measure, { kind: 'auc' }>): Moments =>
  measure.kind === 'mean' ? measure.moments : ofRate(measure.ones, measure.count);
