/**
 * Quantiles of positive numbers to within 1 %, in bounded memory: counts by power of 1.02, each told by the middle of its range. The way of
 * C. Masson, J. E. Rim, H. K. Lee, "DDSketch", VLDB 2019 (section 2.1), with γ = 1.02.
 */
const GAMMA = 1.02;
const LOG_GAMMA = Math.log(GAMMA);
const LEAST = 1e-6;

export interface QuantileSketch {
  /** What is smaller than a millionth counts as that. */
  add(value: number): void;
  readonly count: number;
  /** The smallest value that `share` of them do not exceed; null where there is none. */
  quantile(share: number): number | null;
}

export function createQuantileSketch(): QuantileSketch {
  const counts = new Map<number, number>();
  let count = 0;
  return {
    get count() {
      return count;
    },
    add: (value) => {
      const bucket = Math.ceil(Math.log(Math.max(value, LEAST)) / LOG_GAMMA);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
      count += 1;
    },
    quantile: (share) => {
      if (count === 0) return null;
      const rank = Math.max(1, Math.ceil(share * count));
      let seen = 0;
      for (const [bucket, its] of [...counts].sort(([a], [b]) => a - b)) {
        seen += its;
        if (seen >= rank) return (2 * GAMMA ** bucket) / (GAMMA + 1);
      }
      return null;
    },
  };
}
