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
export function servingFamilies({ endpoints, log }: ServingStatus): readonly Family[] {
  const variants = endpoints.flatMap(({ endpoint, variants: all }) =>
    all.map(({ variant, version, failure }) => ({ labels: { endpoint, variant }, version, failure })),
  );
  return [
    gauge(
      'mlops_endpoint_ready',
      '1 where the variant has a model loaded, else 0.',
      variants.map(({ labels, version }) => ({ labels, value: version === null ? 0 : 1 })),
    ),
    gauge(
      'mlops_endpoint_model_version',
      'Version of the model that the variant serves.',
      variants.flatMap(({ labels, version }) => (version === null ? [] : [{ labels, value: version }])),
    ),
    gauge(
      'mlops_endpoint_load_failed',
      '1 where the version that the variant is to serve does not load, else 0.',
      variants.map(({ labels, failure }) => ({ labels, value: failure === null ? 0 : 1 })),
    ),
    total('mlops_predictions_logged_total', 'Predictions written to the log.', log.written),
    total('mlops_predictions_log_dropped_total', 'Those that the control store did not take in time.', log.dropped),
    single('mlops_predictions_log_pending', 'Those that are not written yet.', log.pending),
  ];
}

const total = (name: string, help: string, value: number | undefined): Gauge => ({
  ...single(name, help, value ?? 0),
  type: 'counter',
});
