/** What serves, features and predictions, as figures for Prometheus. */
import type { FeatureSetDescription } from '../features/describe.ts';
import type { LogStatus } from '../lib/log-writer.ts';
import type { ServingStatus } from '../serving/serving.ts';
import type { Rollout } from '../stores/control/rollouts.ts';
import { type Family, type Gauge, gauge, single } from './metrics.ts';

/** What is materialized. */
export function featureSetGauges(sets: readonly FeatureSetDescription[]): readonly Family[] {
  const serving = sets.flatMap(({ name, servingVersion, versions }) =>
    versions.flatMap(({ version, rows, watermark }) =>
      version === servingVersion ? [{ labels: { feature_set: name, version: String(version) }, rows, watermark }] : [],
    ),
  );
  return [
    gauge(
      'mlops_feature_set_rows',
      'Rows of the version that serves, materialized offline.',
      serving.map(({ labels, rows }) => ({ labels, value: rows })),
    ),
    gauge(
      'mlops_feature_set_watermark_seconds',
      'Greatest event time materialized, seconds since 1970.',
      serving.flatMap(({ labels, watermark }) =>
        watermark === null ? [] : [{ labels, value: Date.parse(watermark) / 1000 }],
      ),
    ),
  ];
}

/** Of this process. */
export function answerLogFamilies(status: LogStatus | undefined): readonly Family[] {
  return [
    total('mlops_online_answers_kept_total', 'Answers to reads of features kept for features verify.', status?.written),
    total('mlops_online_answers_dropped_total', 'Those that the control store did not take in time.', status?.dropped),
  ];
}

/** The newest of each endpoint. */
export function rolloutGauges(rollouts: readonly Rollout[]): readonly Family[] {
  const of = (value: (rollout: Rollout) => number) =>
    rollouts.map((rollout) => ({ labels: { endpoint: rollout.endpoint }, value: value(rollout) }));
  return [
    gauge(
      'mlops_rollout_status',
      '1 under the status of the newest rollout of the endpoint.',
      rollouts.map(({ endpoint, status }) => ({ labels: { endpoint, status }, value: 1 })),
    ),
    gauge(
      'mlops_rollout_version',
      'The version that it rolls out.',
      of(({ version }) => version),
    ),
    gauge(
      'mlops_rollout_share',
      "Percent of the baseline's keys that the candidate answers.",
      of(({ share }) => share),
    ),
    gauge(
      'mlops_rollout_step_started_timestamp_seconds',
      'When its step began, seconds since 1970.',
      of(({ stepStartedAt }) => stepStartedAt.getTime() / 1000),
    ),
  ];
}

/** Of this process. */
export function servingFamilies(status: ServingStatus): readonly Family[] {
  const { endpoints, log } = status;
  const variants = endpoints.flatMap(({ endpoint, variants: all }) =>
    all.map((variant) => ({ labels: { endpoint, variant: variant.variant }, ...variant })),
  );
  const members = endpoints.flatMap(({ endpoint, variants: all }) =>
    all.flatMap(({ variant, members: its = [] }) =>
      its.flatMap(({ member, version }) =>
        version === null ? [] : [{ labels: { endpoint, variant, member }, value: version }],
      ),
    ),
  );
  return [
    gauge(
      'mlops_endpoint_ready',
      '1 where the variant has all loaded that it needs to answer, else 0.',
      variants.map(({ labels, ready }) => ({ labels, value: ready ? 1 : 0 })),
    ),
    gauge(
      'mlops_endpoint_model_version',
      'Version of the model that the variant serves.',
      variants.flatMap(({ labels, version }) => (version === null ? [] : [{ labels, value: version }])),
    ),
    gauge('mlops_endpoint_member_version', 'Version of the model that the member of an ensemble serves.', members),
    gauge(
      'mlops_endpoint_load_failed',
      '1 where a version that the variant is to serve does not load, else 0.',
      variants.map(({ labels, failure }) => ({ labels, value: failure === null ? 0 : 1 })),
    ),
    tally(
      'mlops_endpoint_rules_total',
      'Rows that a rule was asked about and did not leave to the next, by what it came to: matched, failed.',
      status.rules.flatMap(({ endpoint, rule, matched, failed }) => [
        { labels: { endpoint, rule, outcome: 'matched' }, value: matched },
        { labels: { endpoint, rule, outcome: 'failed' }, value: failed },
      ]),
    ),
    tally(
      'mlops_shadow_rows_total',
      'Rows copied to a shadow, by what became of them: answered, failed, dropped.',
      status.shadows.flatMap(({ endpoint, shadow, answered, failed, dropped }) => [
        { labels: { endpoint, shadow, outcome: 'answered' }, value: answered },
        { labels: { endpoint, shadow, outcome: 'failed' }, value: failed },
        { labels: { endpoint, shadow, outcome: 'dropped' }, value: dropped },
      ]),
    ),
    total(
      'mlops_predictions_refused_total',
      'Requests refused because as many were under way as are answered at once.',
      status.refused,
    ),
    total('mlops_predictions_logged_total', 'Predictions written to the log.', log.written),
    total('mlops_predictions_log_dropped_total', 'Those that the control store did not take in time.', log.dropped),
    single('mlops_predictions_log_pending', 'Those that are not written yet.', log.pending),
  ];
}

const tally = (name: string, help: string, samples: Gauge['samples']): Gauge => ({
  ...gauge(name, help, samples),
  type: 'counter',
});

const total = (name: string, help: string, value: number | undefined): Gauge => ({
  ...single(name, help, value ?? 0),
  type: 'counter',
});
