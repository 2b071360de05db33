/**
 * What a look at the rows of a table tells of its columns. Counts, extremes, means and deviations are exact; quantiles come
 * from a t-digest; a number of distinct values is exact up to about {@link DISTINCT_EXACT} and an estimate, off by about 1 %, beyond it.
 */

/** The quantiles that are kept. */
export const QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;
/** Up to about here, at least to half of it, the number of distinct values is exact. */
export const DISTINCT_EXACT = 10_000;
/** The most frequent values that are kept. */
export const TOP_VALUES = 10;
/** Features that are computed on demand are looked at in so many rows at most, drawn at random from a fixed seed. */
export const SAMPLE_ROWS = 100_000;

export interface Histogram {
  /** Ascending. A bin holds what is greater than the bound on its left and not greater than the one on its right. */
  readonly edges: readonly number[];
  /** One more than the edges: the first is of what is not greater than the first, the last of what is greater than the last. */
  readonly counts: readonly number[];
}

export interface ColumnProfile {
  readonly dtype: string;
  /** Rows looked at, nulls included. */
  readonly count: number;
  readonly nulls: number;
  /** Rows whose value breaks an expectation; null where nothing was expected. */
  readonly invalid: number | null;
  /** Null where it was not counted. */
  readonly distinct: number | null;
  /** `distinct` is an estimate. */
  readonly distinctEstimated: boolean;
  /** The rows are a sample of the table's. */
  readonly sampled: boolean;
  /** Of numbers (without NaN and infinities), times (ISO 8601) and dates. An integer beyond 2^53 is text. */
  readonly min: number | string | null;
  readonly max: number | string | null;
  readonly mean: number | null;
  /** Of a sample: divided by n − 1. */
  readonly sd: number | null;
  /** By name: p1 to p99; null where there are no numbers. */
  readonly quantiles: Readonly<Record<string, number>> | null;
  readonly histogram: Histogram | null;
  /** Of numbers: NaN and infinities, which no other figure counts. */
  readonly nonFinite: number;
  /** Of texts and booleans: the most frequent values, the most frequent first. */
  readonly top: readonly { readonly value: string | boolean; readonly count: number }[] | null;
  /** Of texts in characters, of bytes and JSON in bytes, of arrays and vectors in items. */
  readonly lengths: { readonly min: number; readonly mean: number; readonly max: number } | null;
}

/** What is shown of a column in one line. */
export type ColumnFigures = Pick<ColumnProfile, 'count' | 'nulls' | 'distinct' | 'min' | 'max' | 'mean' | 'sd'>;

export interface TableProfile {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnProfile>>;
}

const BINS = 20;

/** Bounds that are round numbers, the same for any data of this range, over where most of the numbers are. */
export function binEdges(low: number, high: number, whole: boolean): readonly number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high) || high < low) return [];
  const spread = high - low;
  if (!(spread > Math.abs(low) * 1e-12)) return [low];
  const rough = spread / BINS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((width) => width >= rough) ?? rough;
  const width = whole ? Math.max(1, Math.ceil(nice)) : nice;
  const first = Math.floor(low / width) - (whole ? 1 : 0);
  const last = Math.ceil(high / width);
  // Written with as few digits as tell them apart: 0.3, not 0.30000000000000004.
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * width).toPrecision(12)));
}
