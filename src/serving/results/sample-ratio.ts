/**
 * Whether variants got the traffic that they were to get: Pearson's chi-square test of the counts (as by Fabijan et al., KDD 2019). Where they did not,
 * something on the way loses or draws rows by the variant, and no comparison of them can be trusted.
 */
import { chiSquareUpper } from '../../lib/distributions.ts';

export interface SampleRatio {
  readonly variants: readonly { readonly variant: string; readonly observed: number; readonly expected: number }[];
  readonly chiSquare: number;
  readonly pValue: number;
  /** It is looked at often: only what is hardly chance is told. */
  readonly mismatch: boolean;
}

const MISMATCH_BELOW = 0.001;
/** The test's approximation holds from so many expected on. */
const LEAST_EXPECTED = 5;

/** Counts and weights by variant. Undefined where too little is there to tell. */
export function sampleRatio(
  counts: ReadonlyMap<string, number>,
  weights: ReadonlyMap<string, number>,
): SampleRatio | undefined {
  const shares = [...weights].filter(([, weight]) => weight > 0);
  const total = shares.reduce((sum, [variant]) => sum + (counts.get(variant) ?? 0), 0);
  const weight = shares.reduce((sum, [, one]) => sum + one, 0);
  const variants = shares.map(([variant, share]) => ({
    variant,
    observed: counts.get(variant) ?? 0,
    expected: (total * share) / weight,
  }));
  if (variants.length < 2 || variants.some(({ expected }) => expected < LEAST_EXPECTED)) return undefined;
  const chiSquare = variants.reduce((sum, { observed, expected }) => sum + (observed - expected) ** 2 / expected, 0);
  const pValue = chiSquareUpper(chiSquare, variants.length - 1);
  return { variants, chiSquare, pValue, mismatch: pValue < MISMATCH_BELOW };
}
