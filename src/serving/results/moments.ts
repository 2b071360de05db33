/** Count, mean and sum of squared deviations: what a mean and its variance are told from, and what is added up without the rows (Chan et al., 1983). */

export interface Moments {
  readonly count: number;
  readonly mean: number;
  /** Σ (x − mean)². */
  readonly m2: number;
}

export const NO_ROWS: Moments = { count: 0, mean: 0, m2: 0 };

/** Of the rows of both. */
export function joined(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  if (count === 0) return NO_ROWS;
  const apart = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (apart * b.count) / count,
    m2: a.m2 + b.m2 + (apart * apart * a.count * b.count) / count,
  };
}

/** So many rows of which so many are ones. */
export function ofRate(ones: number, count: number): Moments {
  if (count === 0) return NO_ROWS;
  const mean = ones / count;
  return { count, mean, m2: count * mean * (1 - mean) };
}

/** Of the rows. Null where fewer than two tell it. */
export function varianceOf({ count, m2 }: Moments): number | null {
  return count < 2 ? null : Math.max(0, m2) / (count - 1);
}
