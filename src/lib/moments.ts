/**
 * Count, mean and the sum of squared distances from it, in one pass: B. P. Welford, "Note on a Method for Calculating Corrected Sums of
 * Squares and Products", Technometrics 4 (1962). The variance of a sample is m2 / (count − 1).
 */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
}

export interface MomentsSum {
  add(value: number): void;
  /** Null where nothing was added. */
  get(): Moments | null;
}

export function createMoments(): MomentsSum {
  let count = 0;
  let mean = 0;
  let m2 = 0;
  return {
    add: (value) => {
      count += 1;
      const distance = value - mean;
      mean += distance / count;
      m2 += distance * (value - mean);
    },
    get: () => (count === 0 ? null : { count, mean, m2 }),
  };
}
