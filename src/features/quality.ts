/** The quality of a feature set in figures: how complete, valid, free of duplicates, fresh and consistent its rows are. */
import { durationMs } from '../lib/units.ts';
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { FeatureCheck, FeatureStatistics } from '../stores/control/feature-quality.ts';

/** Shares from 0 to 1; null where nothing is known of it. */
export interface QualityParts {
  /** Mean over the features of the share of values that are not null. */
  readonly completeness: number | null;
  /** Mean over the features of which anything is expected of the share of rows that are as expected; rows kept aside count as not. */
  readonly validity: number | null;
  /** Share of the rows last read that share keys and times with no other. */
  readonly uniqueness: number | null;
  /** 1 up to the greatest age that is allowed, then that age over the age of the newest row. */
  readonly freshness: number | null;
  /** Share of the stored rows that no later one replaced. */
  readonly consistency: number | null;
}

export const QUALITY_WEIGHTS: Readonly<Record<keyof QualityParts, number>> = {
  completeness: 0.3,
  validity: 0.3,
  uniqueness: 0.1,
  freshness: 0.2,
  consistency: 0.1,
};

export interface FeatureQualityFigures {
  readonly completeness: number | null;
  readonly validity: number | null;
  /** Mean of those that are known, 0 to 100. */
  readonly score: number | null;
}

export interface Quality {
  /** Mean of the parts that are known, by their weights, 0 to 100; null where none is. */
  readonly score: number | null;
  readonly parts: QualityParts;
  readonly features: Readonly<Record<string, FeatureQualityFigures>>;
}

export interface Freshness {
  /** Milliseconds since the newest event time; null where there are no rows. */
  readonly ageMs: number | null;
  /** What is allowed: `freshness` of the set's `expect`, else its ttl; null where neither is there. */
  readonly limitMs: number | null;
  /** Null where either is not known. */
  readonly isFresh: boolean | null;
}

export function freshnessOf(spec: CanonicalFeatureSet, newestEventTime: bigint | null, now: bigint): Freshness {
  const limit = spec.expect?.freshness ?? spec.ttl;
  const limitMs = limit === undefined ? null : durationMs(limit);
  const ageMs = newestEventTime === null ? null : Math.max(0, Number((now - newestEventTime) / 1000n));
  return { ageMs, limitMs, isFresh: ageMs === null || limitMs === null ? null : ageMs <= limitMs };
}

export function qualityOf(known: {
  readonly statistics: Pick<FeatureStatistics, 'rows' | 'superseded' | 'columns'> | undefined;
  /** The newest of a materialization. */
  readonly check: Pick<FeatureCheck, 'rowsRead' | 'rowsSkipped' | 'duplicates'> | undefined;
  readonly held: number;
  readonly freshness: Freshness;
}): Quality {
  const { statistics, check, held, freshness } = known;
  const features = Object.fromEntries(
    Object.entries(statistics?.columns ?? {}).map(([name, { count, nulls, invalid }]) => {
      const completeness = share(count - nulls, count);
      const validity = invalid === null ? null : share(count - invalid, count);
      return [name, { completeness, validity, score: percent(mean([completeness, validity])) }];
    }),
  );
  const rows = statistics?.rows ?? 0;
  const usable = check === undefined ? 0 : check.rowsRead - check.rowsSkipped;
  const valid = mean(Object.values(features).map(({ validity }) => validity));
  const parts: QualityParts = {
    completeness: mean(Object.values(features).map(({ completeness }) => completeness)),
    validity: valid === null && held === 0 ? null : (valid ?? 1) * (share(rows, rows + held) ?? 1),
    uniqueness: check === undefined ? null : share(usable - check.duplicates, usable),
    freshness:
      freshness.ageMs === null || freshness.limitMs === null
        ? null
        : freshness.ageMs <= freshness.limitMs
          ? 1
          : freshness.limitMs / freshness.ageMs,
    consistency: statistics === undefined ? null : share(rows, rows + statistics.superseded),
  };
  return { score: percent(weighted(parts)), parts, features };
}

function weighted(parts: QualityParts): number | null {
  let [sum, weights] = [0, 0];
  for (const [name, weight] of Object.entries(QUALITY_WEIGHTS) as [keyof QualityParts, number][]) {
    const part = parts[name];
    if (part === null) continue;
    sum += part * weight;
    weights += weight;
  }
  return weights === 0 ? null : sum / weights;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** With one digit, as it is shown: it is no more exact than that. */
function percent(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 10;
}
