/** Quality, freshness and use of feature sets as gauges. */
import type { SetInsight } from '../features/insight.ts';
import type { Gauge } from './metrics.ts';

export function qualityGauges(insights: readonly SetInsight[]): readonly Gauge[] {
  const ofSets = (name: string, help: string, value: (insight: SetInsight) => number | null | undefined): Gauge => {
    const samples = insights.flatMap((insight) => {
      const found = value(insight);
      return found == null ? [] : [{ labels: { feature_set: insight.set }, value: found }];
    });
    return { name, help, samples };
  };
  const ofFeatures = (
    name: string,
    help: string,
    value: (feature: SetInsight['features'][number]) => number | null,
  ): Gauge => {
    const samples = insights.flatMap(({ set, features }) =>
      features.flatMap((feature) => {
        const found = value(feature);
        return found === null ? [] : [{ labels: { feature_set: set, feature: feature.name }, value: found }];
      }),
    );
    return { name, help, samples };
  };
  return [
    ofSets('mlops_feature_set_quality_score', 'Quality of the serving rows, 0 to 100.', ({ quality }) => quality.score),
    ofSets('mlops_feature_set_event_age_seconds', 'Age of the newest event time.', ({ freshness }) =>
      freshness.ageMs === null ? null : freshness.ageMs / 1000,
    ),
    ofSets(
      'mlops_feature_set_event_age_limit_seconds',
      'Age that is allowed: freshness of `expect`, else the ttl.',
      ({ freshness }) => (freshness.limitMs === null ? null : freshness.limitMs / 1000),
    ),
    ofSets(
      'mlops_feature_set_ingested_timestamp_seconds',
      'When the newest rows came in, seconds since 1970.',
      ({ ingestedAt }) => (ingestedAt === null ? null : ingestedAt.getTime() / 1000),
    ),
    ofSets(
      'mlops_feature_set_late',
      '1 where a materialization that the schedule of the set asks for is overdue, else 0.',
      ({ schedule }) => (schedule === null ? null : Number(schedule.isLate)),
    ),
    ofSets(
      'mlops_feature_set_due_timestamp_seconds',
      'The first instant of the schedule that no materialization has met, seconds since 1970.',
      ({ schedule }) => (schedule === null || schedule.dueAt === null ? null : schedule.dueAt.getTime() / 1000),
    ),
    ofSets(
      'mlops_feature_set_materialized_timestamp_seconds',
      'When a materialization of a set with a schedule last ended well, seconds since 1970.',
      ({ schedule }) =>
        schedule === null || schedule.materializedAt === null ? null : schedule.materializedAt.getTime() / 1000,
    ),
    ofSets(
      'mlops_feature_set_quarantined_rows',
      'Rows kept aside because they break an expectation.',
      ({ quarantined }) => quarantined,
    ),
    ofFeatures('mlops_feature_reads', 'Reads of the feature by anybody, as recorded so far.', ({ use }) =>
      use.reduce((sum, { reads }) => sum + reads, 0),
    ),
    ofFeatures(
      'mlops_feature_last_read_timestamp_seconds',
      'Last read of the feature, seconds since 1970.',
      ({ lastReadAt }) => (lastReadAt === null ? null : lastReadAt.getTime() / 1000),
    ),
  ];
}
