/** Runs as they stand in rows, whole. */

import type { MetricPoint } from '../../control/tracked-values.ts';
import type { DatasetInput, Lifecycle, RunInfo, TrackedRun, TrackedStatus } from '../../control/tracking.ts';

export interface InfoRow {
  readonly [column: string]: unknown;
  readonly run_id: string;
  readonly number: number | string;
  readonly name: string;
  readonly user_id: string;
  readonly status: TrackedStatus;
  readonly lifecycle: Lifecycle;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly artifact_uri: string;
}

/** JSON has no NaN: it is the text. */
export type StoredMetric = readonly [value: number | string, atMs: number, step: number];

export interface RunRow extends InfoRow {
  readonly params: Record<string, string>;
  readonly tags: Record<string, string>;
  readonly metrics: Record<string, StoredMetric>;
  readonly datasets: readonly DatasetInput[] | null;
  readonly models: readonly { way: 'input' | 'output'; modelId: string; step: number }[] | null;
}

export const INFO_COLUMNS =
  'r.run_id, e.number, r.name, r.user_id, r.status, r.lifecycle, r.started_ms, r.ended_ms, d.artifact_uri';

/** Of runs r, their data d and experiments e. */
export const RUN_COLUMNS = `${INFO_COLUMNS}, d.params, d.tags, d.metrics,
  (select json_agg(json_build_object('name', i.name, 'digest', i.digest, 'sourceType', s.source_type, 'source', s.source, 'schema', s.schema,
     'profile', s.profile, 'tags', i.tags) order by i.seq)
   from mlops.run_datasets i join mlops.tracked_datasets s on (s.experiment_key, s.name, s.digest) = (i.experiment_key, i.name, i.digest)
   where i.run_id = r.run_id) as datasets,
  (select json_agg(json_build_object('way', m.way, 'modelId', m.model_id, 'step', m.step) order by m.seq)
   from mlops.run_models m where m.run_id = r.run_id) as models`;

/** As clients write it: without dashes. */
export const runIdOf = (uuid: string): string => uuid.replaceAll('-', '');

/** Undefined where no run can have the id. */
export const uuidOf = (id: string): string | undefined =>
  /^[0-9a-f]{32}$/.test(id) ? id : /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? runIdOf(id) : undefined;

export const infoOf = (row: InfoRow): RunInfo => ({
  id: runIdOf(row.run_id),
  experimentId: String(row.number),
  name: row.name,
  user: row.user_id,
  status: row.status,
  lifecycle: row.lifecycle,
  startedMs: row.started_ms,
  endedMs: row.ended_ms,
  artifactUri: row.artifact_uri,
});

export const runOf = (row: RunRow): TrackedRun => ({
  ...infoOf(row),
  params: row.params,
  tags: row.tags,
  metrics: Object.entries(row.metrics).map(([key, stored]) => pointOf(key, stored)),
  datasets: row.datasets ?? [],
  modelInputs: (row.models ?? []).filter(({ way }) => way === 'input').map(({ modelId }) => modelId),
  modelOutputs: (row.models ?? [])
    .filter(({ way }) => way === 'output')
    .map(({ modelId, step }) => ({ modelId, step })),
});

export const pointOf = (key: string, [value, atMs, step]: StoredMetric): MetricPoint => ({
  key,
  value: Number(value),
  atMs,
  step,
});

export const storedOf = ({ value, atMs, step }: MetricPoint): StoredMetric => [
  Number.isNaN(value) ? 'NaN' : value,
  atMs,
  step,
];
