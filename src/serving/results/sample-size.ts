/** How many rows it takes to see an effect of a given size with a given power. */
import { normalCdf, normalQuantile } from '../../lib/distributions.ts';
import { halfWidth, mixture, TUNED_FOR_ROWS } from './sequential.ts';

export interface SizeQuestion {
  /** Of one row, in the baseline and in the variant. */
  readonly varianceBaseline: number;
  readonly varianceVariant: number;
  /** The least difference that is worth seeing. */
  readonly effect: number;
  readonly alpha: number;
  readonly power: number;
  /** Rows of the variant for each row of the baseline. */
  readonly ratio: number;
}

export interface SampleSize {
  /** Rows of the variant, where one looks once at the end. */
  readonly fixed: number;
  /** Rows of the variant by which the sequential test has seen it with that power, looked at at any time. */
  readonly sequential: number;
}

export function sampleSize(question: SizeQuestion): SampleSize {
  const { varianceBaseline, varianceVariant, effect, alpha, power, ratio } = question;
  const perRow = varianceVariant + varianceBaseline * ratio;
  const z = normalQuantile(1 - alpha / 2) + normalQuantile(power);
  const fixed = Math.max(2, Math.ceil((perRow * z * z) / (effect * effect)));
  // That it was seen at a look before is not counted: the number is an upper one.
  const seen = (rows: number): boolean => {
    const variance = perRow / rows;
    const spread = (rows / (1 + ratio)) * mixture(alpha, TUNED_FOR_ROWS / 2);
    return normalCdf((effect - halfWidth(variance, spread, alpha)) / Math.sqrt(variance)) >= power;
  };
  let [low, high] = [fixed, fixed * 2];
  if (perRow === 0) return { fixed, sequential: fixed };
  while (!seen(high) && high < Number.MAX_SAFE_INTEGER / 4) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (seen(middle)) high = middle;
    else low = middle;
  }
  return { fixed, sequential: seen(low) ? low : high };
}
