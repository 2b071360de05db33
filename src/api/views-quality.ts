/** Statistics, quality and held rows as the HTTP interface and `--json` show them. Names of features are the user's and stay. */
import type { FeatureInsight, SetInsight } from '../features/insight.ts';
import type { SetStatistics } from '../features/statistics.ts';
import { formatTimestamp } from '../features/time.ts';
import type { FeatureCheck, QuarantinedRow } from '../stores/control/feature-quality.ts';
import type { ColumnProfile } from '../stores/profile.ts';
import { snakeCaseKeys } from './json.ts';
import { scheduleView } from './views.ts';

type AnyStatistics = { readonly rows: number; readonly columns: Readonly<Record<string, ColumnProfile>> } & Partial<
  Omit<SetStatistics, 'rows' | 'columns'>
> & { readonly digest?: string };

/** `feature`: only this one. */
export function statisticsView(statistics: AnyStatistics, feature?: string) {
  const { columns, minEventTime, maxEventTime, set, ...rest } = statistics;
  return {
    ...(set !== undefined && { feature_set: set }),
    ...(snakeCaseKeys(rest) as Record<string, unknown>),
    ...(minEventTime !== undefined && { min_event_time: timeOf(minEventTime) }),
    ...(maxEventTime !== undefined && { max_event_time: timeOf(maxEventTime) }),
    features: Object.fromEntries(
      Object.entries(columns)
        .filter(([name]) => feature === undefined || name === feature)
        .map(([name, column]) => [name, snakeCaseKeys(column)]),
    ),
  };
}

export function insightView({ set, features, quality, freshness, schedule, check, ...rest }: SetInsight) {
  return {
    feature_set: set,
    ...(snakeCaseKeys(rest) as Omit<SetInsight, 'set' | 'features' | 'quality' | 'freshness' | 'schedule' | 'check'>),
    score: quality.score,
    parts: quality.parts,
    freshness: {
      age_seconds: seconds(freshness.ageMs),
      limit_seconds: seconds(freshness.limitMs),
      is_fresh: freshness.isFresh,
    },
    schedule: schedule === null ? null : scheduleView(schedule),
    check: check === null ? null : checkView(check),
    features: features.map((feature) => featureView(set, feature, quality.features[feature.name])),
  };
}

function featureView(
  set: string,
  { name, sources, reads, readBy, use, lastReadAt }: FeatureInsight,
  quality: object | undefined,
) {
  return {
    name: `${set}.${name}`,
    quality: quality ?? null,
    sources,
    reads: reads.map((other) => `${set}.${other}`),
    read_by: readBy,
    last_read_at: lastReadAt,
    use: snakeCaseKeys(use),
  };
}

export function checkView({ set, ...check }: FeatureCheck) {
  return { feature_set: set, ...(snakeCaseKeys(check) as Record<string, unknown>) };
}

export function heldView({
  id,
  set,
  version,
  origin,
  key,
  eventTime,
  createdTime,
  values,
  reasons,
  heldSince,
}: QuarantinedRow) {
  return {
    id,
    feature_set: set,
    version,
    origin,
    reasons,
    entity: key,
    event_time: formatTimestamp(eventTime),
    created_time: timeOf(createdTime),
    features: values,
    held_since: heldSince,
  };
}

function timeOf(micros: bigint | null): string | null {
  return micros === null ? null : formatTimestamp(micros);
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms / 1000);
}
