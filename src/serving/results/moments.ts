/** Moments of rows that are ones or none, and the variance that moments tell. */
import type { Moments } from '../../lib/moments.ts';

/** So many rows of which so many are ones. */
export function ofRate(ones: number, count: number): Moments {
  if (count === 0) return { count: 0, mean: 0, m2: 0 };
  const mean = ones / count;
  return { count, mean, m2: count * mean * (1 - mean) };
}

/** Of the rows. Null where fewer than two tell it. */
export function varianceOf({ count, m2 }: Moments): number | null {
  return count < 2 ? null : Math.max(0, m2) / (count - 1);
}
