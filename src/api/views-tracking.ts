/** Experiments and runs as the HTTP interface and `--json` show them. */
import type { Experiment, TrackedRun } from '../stores/control/tracking.ts';

export const experimentRow = (experiment: Experiment, runs: number) => ({
  id: experiment.id,
  name: experiment.name,
  lifecycle: experiment.lifecycle,
  runs,
  tags: experiment.tags,
  artifact_location: experiment.artifactLocation,
  created_at: new Date(experiment.createdMs),
  updated_at: new Date(experiment.updatedMs),
});

/** Each metric's last value; NaN, which JSON does not have, is null. */
export const trackedRunRow = (run: TrackedRun) => ({
  id: run.id,
  experiment_id: run.experimentId,
  name: run.name,
  user: run.user,
  status: run.status.toLowerCase(),
  lifecycle: run.lifecycle,
  started_at: new Date(run.startedMs),
  ended_at: run.endedMs === null ? null : new Date(run.endedMs),
  params: run.params,
  metrics: Object.fromEntries(run.metrics.map(({ key, value }) => [key, value])),
  tags: run.tags,
  datasets: run.datasets.map(({ name, digest }) => ({ name, digest })),
  models: run.modelOutputs.map(({ modelId }) => modelId),
  artifact_uri: run.artifactUri,
});
