/**
 * A test that may be looked at at any time, and stopped whenever one likes: the mixture sequential probability ratio test (Robbins, 1970; Johari,
 * Koomen, Pekelis and Walsh, Operations Research 70, 2022), with the variance estimated as in the asymptotic confidence sequences of Waudby-Smith,
 * Arbour, Sinha, Kennedy and Ramdas (Annals of Statistics 52, 2024).
 *
 *     d   the difference measured, V the variance of d, t the rows that it is worth: t = n₁·n₂ / (n₁ + n₂)
 *     Λ   = (1 + t·ρ²)^(−1/2) · exp( d²/V · t·ρ² / (2·(1 + t·ρ²)) )
 *     p   = min(1, 1/Λ)
 *     CS  = d ± sqrt( V · (1 + t·ρ²)/(t·ρ²) · (2·ln(1/α) + ln(1 + t·ρ²)) )
 *     ρ²  = (2·ln(1/α) + ln(2·ln(1/α) + 1)) / t*      where the interval is to be narrowest: t*
 *
 * P(p ≤ α at any look) ≤ α where there is no difference, and the true difference lies in all intervals at once with 1 − α.
 */
import { countOf, type Interval, type Measure, valueIn, varianceOfValue } from './measure.ts';

export interface SequentialTest {
  readonly pValue: number;
  readonly interval: Interval;
}

/** The rows a variant for which the interval is narrowest; it is valid for every number. */
export const TUNED_FOR_ROWS = 1_000;
/** Before so many rows in each variant nothing is said: the variance is not known well enough. */
export const FIRST_LOOK_ROWS = 100;

/** What `a` measures more than `b`. Null where too few rows tell it. */
export function sequentialDifference(a: Measure, b: Measure, alpha: number): SequentialTest | null {
  const [own, other] = [countOf(a), countOf(b)];
  const [varianceA, varianceB] = [varianceOfValue(a), varianceOfValue(b)];
  if (Math.min(smallest(a), smallest(b)) < FIRST_LOOK_ROWS || varianceA === null || varianceB === null) return null;
  return sequential(
    valueIn(a) - valueIn(b),
    varianceA + varianceB,
    (own * other) / (own + other),
    alpha,
    TUNED_FOR_ROWS / 2,
  );
}

/** An interval for the value of one variant that holds at every look. Null where too few rows tell it. */
export function sequentialInterval(measure: Measure, alpha: number): Interval | null {
  const variance = varianceOfValue(measure);
  if (smallest(measure) < FIRST_LOOK_ROWS || variance === null) return null;
  return sequential(valueIn(measure), variance, countOf(measure), alpha, TUNED_FOR_ROWS).interval;
}

/** Rows of the kind of which there are fewest: an area needs both. */
function smallest(measure: Measure): number {
  return measure.kind === 'auc' ? Math.min(measure.positives, measure.negatives) : countOf(measure);
}

export function sequential(
  value: number,
  variance: number,
  rows: number,
  alpha: number,
  tunedFor: number,
): SequentialTest {
  const spread = rows * mixture(alpha, tunedFor);
  const half = halfWidth(variance, spread, alpha);
  if (variance === 0) return { pValue: value === 0 ? 1 : 0, interval: [value, value] };
  const logRatio = -0.5 * Math.log1p(spread) + ((value * value) / variance) * (spread / (2 * (1 + spread)));
  return { pValue: Math.min(1, Math.exp(-logRatio)), interval: [value - half, value + half] };
}

/** ρ². */
export function mixture(alpha: number, tunedFor: number): number {
  const bits = -2 * Math.log(alpha);
  return (bits + Math.log(bits + 1)) / tunedFor;
}

/** Half of the interval's width; `spread` is t·ρ². */
export function halfWidth(variance: number, spread: number, alpha: number): number {
  return Math.sqrt(variance * ((1 + spread) / spread) * (-2 * Math.log(alpha) + Math.log1p(spread)));
}
