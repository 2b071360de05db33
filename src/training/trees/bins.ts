/**
 * Features cut into at most 255 bins, so that finding a split is a pass over a histogram instead of a sort.
 * A cut lies halfway between two neighbouring values that occur, rounded to float32 such that `lower <= cut < upper`:
 * with up to 255 distinct values the tree is the exact one, beyond that cuts follow the quantiles
 * (the histogram method of LightGBM, Ke et al. 2017, and XGBoost's `hist`).
 */
import type { Matrix } from '../matrix.ts';

export const MISSING_BIN = 255;
const MAX_BINS = 255;

/** Above every finite float32: the cut between "present" and "missing". */
export const GREATEST_CUT = 3.4028234663852886e38;

export interface BinnedFeature {
  /** Ascending; bin i holds `cuts[i-1] < x <= cuts[i]`. The last is GREATEST_CUT, so there are as many cuts as bins. */
  readonly cuts: Float32Array;
  /** A bin for each row; MISSING_BIN where the value is missing. */
  readonly codes: Uint8Array;
  readonly hasMissing: boolean;
}

export interface BinnedMatrix {
  readonly rows: number;
  readonly features: readonly BinnedFeature[];
}

export function binMatrix(matrix: Matrix): BinnedMatrix {
  const features: BinnedFeature[] = [];
  for (let column = 0; column < matrix.columns; column += 1) {
    const values = new Float32Array(matrix.rows);
    for (let row = 0; row < matrix.rows; row += 1) values[row] = matrix.values[row * matrix.columns + column]!;
    features.push(binFeature(values));
  }
  return { rows: matrix.rows, features };
}

function binFeature(values: Float32Array): BinnedFeature {
  const present = values.filter((value) => !Number.isNaN(value)).sort();
  const cuts = cutsOf(present);
  const codes = new Uint8Array(values.length);
  for (let row = 0; row < values.length; row += 1) codes[row] = binOf(values[row]!, cuts);
  return { cuts, codes, hasMissing: present.length < values.length };
}

function cutsOf(sorted: Float32Array): Float32Array {
  const distinct = sorted.filter((value, at) => at === 0 || value !== sorted[at - 1]);
  const cuts: number[] = [];
  if (distinct.length <= MAX_BINS) {
    for (let at = 1; at < distinct.length; at += 1) cuts.push(between(distinct[at - 1]!, distinct[at]!));
  } else {
    for (let bin = 1; bin < MAX_BINS; bin += 1) {
      const at = Math.floor((bin * sorted.length) / MAX_BINS);
      const lower = sorted[at - 1]!;
      let next = at;
      while (next < sorted.length && sorted[next] === lower) next += 1;
      if (next === sorted.length) break;
      const cut = between(lower, sorted[next]!);
      if (cuts.length === 0 || cut > cuts.at(-1)!) cuts.push(cut);
    }
  }
  return Float32Array.from([...cuts, GREATEST_CUT]);
}

/** Halfway, as float32; never as large as the upper value. */
function between(lower: number, upper: number): number {
  const half = Math.fround(lower / 2 + upper / 2);
  return half >= lower && half < upper ? half : lower;
}

/** The first bin whose cut is not below the value. */
function binOf(value: number, cuts: Float32Array): number {
  if (Number.isNaN(value)) return MISSING_BIN;
  let low = 0;
  let high = cuts.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= cuts[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
