/** Experiments, runs and logged models as MLflow's messages. What is empty is left out, as protobuf leaves it. */
import type { LoggedModel } from '../../stores/control/tracked-models.ts';
import type { LoggedMetric, MetricPoint, Texts } from '../../stores/control/tracked-values.ts';
import type { DatasetInput, Experiment, RunInfo, TrackedRun } from '../../stores/control/tracking.ts';

export const pairsOf = (texts: Texts) => Object.entries(texts).map(([key, value]) => ({ key, value }));

const filled = <T>(name: string, items: readonly T[]): Record<string, readonly T[]> =>
  items.length === 0 ? {} : { [name]: items };

/** JSON has no NaN: protobuf writes it as text. */
export const metricView = ({ key, value, atMs, step }: MetricPoint) => ({
  key,
  value: Number.isNaN(value) ? 'NaN' : value,
  timestamp: atMs,
  step,
});

export const experimentView = (experiment: Experiment) => ({
  experiment_id: experiment.id,
  name: experiment.name,
  artifact_location: experiment.artifactLocation,
  lifecycle_stage: experiment.lifecycle,
  last_update_time: experiment.updatedMs,
  creation_time: experiment.createdMs,
  ...filled('tags', pairsOf(experiment.tags)),
});

export const runInfoView = (run: RunInfo) => ({
  run_uuid: run.id,
  experiment_id: run.experimentId,
  run_name: run.name,
  user_id: run.user,
  status: run.status,
  start_time: run.startedMs,
  ...(run.endedMs !== null && { end_time: run.endedMs }),
  artifact_uri: run.artifactUri,
  lifecycle_stage: run.lifecycle,
  run_id: run.id,
});

export const runView = (run: TrackedRun) => ({
  info: runInfoView(run),
  data: {
    ...filled('metrics', run.metrics.map(metricView)),
    ...filled('params', pairsOf(run.params)),
    ...filled('tags', pairsOf(run.tags)),
  },
  inputs: {
    ...filled('dataset_inputs', run.datasets.map(datasetView)),
    ...filled(
      'model_inputs',
      run.modelInputs.map((model_id) => ({ model_id })),
    ),
  },
  ...(run.modelOutputs.length > 0 && {
    outputs: { model_outputs: run.modelOutputs.map(({ modelId, step }) => ({ model_id: modelId, step })) },
  }),
});

const datasetView = ({ tags, sourceType, schema, profile, ...dataset }: DatasetInput) => ({
  ...filled('tags', pairsOf(tags)),
  dataset: {
    ...dataset,
    source_type: sourceType,
    ...(schema !== null && { schema }),
    ...(profile !== null && { profile }),
  },
});

const modelMetricView = (metric: LoggedMetric & { readonly runId: string }) => ({
  ...metricView(metric),
  model_id: metric.modelId,
  run_id: metric.runId,
  ...(metric.datasetName !== undefined && { dataset_name: metric.datasetName }),
  ...(metric.datasetDigest !== undefined && { dataset_digest: metric.datasetDigest }),
});

export const loggedModelView = (model: LoggedModel) => ({
  info: {
    model_id: model.id,
    experiment_id: model.experimentId,
    name: model.name,
    creation_timestamp_ms: model.createdMs,
    last_updated_timestamp_ms: model.updatedMs,
    artifact_uri: model.artifactUri,
    status: model.status,
    model_type: model.modelType,
    source_run_id: model.sourceRunId,
    ...filled('tags', pairsOf(model.tags)),
  },
  data: {
    ...filled('params', pairsOf(model.params)),
    ...filled('metrics', model.metrics.map(modelMetricView)),
  },
});
