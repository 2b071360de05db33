/** Runs in Postgres: made, changed, and what they log. Whatever a run logs takes the lock of its row first. */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../../../lib/error.ts';
import type { LoggedMetric, MetricPoint, Texts } from '../../control/tracked-values.ts';
import type { RunInfo, TrackedRun, TrackingStore } from '../../control/tracking.ts';
import type { Database, Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { isExperimentId, openExperiment } from './experiments.ts';
import {
  INFO_COLUMNS,
  type InfoRow,
  infoOf,
  pointOf,
  RUN_COLUMNS,
  type RunRow,
  runOf,
  type StoredMetric,
  storedOf,
  uuidOf,
} from './run-rows.ts';

export const RUN_NAME_TAG = 'mlflow.runName';

interface Locked {
  readonly [column: string]: unknown;
  readonly experiment_key: number;
  readonly lifecycle: 'active' | 'deleted';
  readonly params: Record<string, string>;
  readonly tags: Record<string, string>;
  readonly metrics: Record<string, StoredMetric>;
}

export type RunRecordStore = Pick<
  TrackingStore,
  | 'createRun'
  | 'run'
  | 'updateRun'
  | 'setRunLifecycle'
  | 'logBatch'
  | 'deleteRunTag'
  | 'logDatasets'
  | 'logModels'
  | 'countRuns'
>;

export function runRecordStore(db: Database, scopeId: number): RunRecordStore {
  const find = async (query: Queryable, id: string): Promise<TrackedRun | undefined> => {
    const uuid = uuidOf(id);
    if (uuid === undefined) return undefined;
    const [row] = await query.query<RunRow>(
      `select ${RUN_COLUMNS} from mlops.tracked_runs r join mlops.tracked_run_data d using (run_id)
         join mlops.experiments e using (experiment_key) where r.run_id = $2 and e.scope_id = $1`,
      [scopeId, uuid],
    );
    return row && runOf(row);
  };
  const info = async (query: Queryable, id: string): Promise<RunInfo> => {
    const [row] = await query.query<InfoRow>(
      `select ${INFO_COLUMNS} from mlops.tracked_runs r join mlops.tracked_run_data d using (run_id)
         join mlops.experiments e using (experiment_key) where r.run_id = $2 and e.scope_id = $1`,
      [scopeId, uuidOf(id) ?? unknownRun(id)],
    );
    return row === undefined ? unknownRun(id) : infoOf(row);
  };
  /** The run that is active, locked with what it logged: who waited sees what the one before wrote. */
  const lock = async (tx: Queryable, id: string): Promise<Locked> => {
    const [row] = await tx.query<Locked>(
      `select r.experiment_key, r.lifecycle, d.params, d.tags, d.metrics from mlops.tracked_runs r
         join mlops.tracked_run_data d using (run_id) join mlops.experiments e using (experiment_key)
        where r.run_id = $2 and e.scope_id = $1 for update of r, d`,
      [scopeId, uuidOf(id) ?? unknownRun(id)],
    );
    if (row === undefined) return unknownRun(id);
    if (row.lifecycle === 'active') return row;
    throw new MlopsError('EX203', { detail: `Run ${id} is deleted.`, hint: 'restore it first', status: 409 });
  };
  const write = (
    tx: Queryable,
    id: string,
    key: number,
    { params = {}, tags = {} }: { readonly params?: Texts; readonly tags?: Texts },
    metrics: readonly MetricPoint[] = [],
    latest: Readonly<Record<string, StoredMetric>> = {},
  ) =>
    tx.query(sqlFile('tracking-log'), [
      uuidOf(id),
      key,
      JSON.stringify(params),
      JSON.stringify(tags),
      JSON.stringify(metrics.map(({ key: name, value, atMs, step }) => [name, atMs, step, String(value)])),
      JSON.stringify(latest),
      tags[RUN_NAME_TAG] ?? null,
    ]);

  return {
    run: (id) => find(db, id),
    createRun: ({ id = randomUUID(), experimentId, name, user, startedMs, tags }) =>
      db.transaction(async (tx) => {
        const experiment = await openExperiment(tx, scopeId, experimentId);
        const uuid = uuidOf(id) ?? unknownRun(id);
        const made = await tx.query(sqlFile('tracking-create-run'), [
          uuid,
          experiment.experiment_key,
          name,
          user,
          startedMs,
          belowUri(experiment.artifact_location, `${uuid}/artifacts`),
          JSON.stringify({ ...tags, [RUN_NAME_TAG]: name }),
        ]);
        return made.length > 0
          ? {
              id: uuid,
              experimentId,
              name,
              user,
              status: 'RUNNING',
              lifecycle: 'active',
              startedMs,
              endedMs: null,
              artifactUri: belowUri(experiment.artifact_location, `${uuid}/artifacts`),
              params: {},
              tags: { ...tags, [RUN_NAME_TAG]: name },
              metrics: [],
              datasets: [],
              modelInputs: [],
              modelOutputs: [],
            }
          : ((await find(tx, uuid)) ?? unknownRun(id));
      }),
    updateRun: (id, { status, endedMs, name }) =>
      db.transaction(async (tx) => {
        const { experiment_key } = await lock(tx, id);
        if (name !== undefined) await write(tx, id, experiment_key, { tags: { [RUN_NAME_TAG]: name } });
        await tx.query(
          `update mlops.tracked_runs set status = coalesce($2, status), ended_ms = case when $3 then $4::bigint else ended_ms end where run_id = $1`,
          [uuidOf(id), status ?? null, endedMs !== undefined, endedMs ?? null],
        );
        return info(tx, id);
      }),
    setRunLifecycle: async (id, to) => {
      const changed = await db.query(
        `update mlops.tracked_runs r set lifecycle = $3 from mlops.experiments e
          where e.experiment_key = r.experiment_key and e.scope_id = $1 and r.run_id = $2 returning r.run_id`,
        [scopeId, uuidOf(id) ?? unknownRun(id), to],
      );
      if (changed.length === 0) unknownRun(id);
    },
    logBatch: (id, { metrics = [], params = {}, tags = {} }, { overwrite = false } = {}) =>
      db.transaction(async (tx) => {
        const run = await lock(tx, id);
        if (!overwrite) refuseChanged(id, run.params, params);
        await logModelMetrics(tx, id, metrics);
        await write(tx, id, run.experiment_key, { params, tags }, metrics, latestOf(run.metrics, metrics));
      }),
    deleteRunTag: (id, key) =>
      db.transaction(async (tx) => {
        const { tags } = await lock(tx, id);
        if (!Object.hasOwn(tags, key))
          throw new MlopsError('EX201', { detail: `No tag "${key}" is set on run ${id}.`, status: 404 });
        await tx.query('delete from mlops.run_tags where run_id = $1 and key = $2', [uuidOf(id), key]);
        await tx.query('update mlops.tracked_run_data set tags = tags - $2::text where run_id = $1', [uuidOf(id), key]);
      }),
    logDatasets: (id, datasets) =>
      db.transaction(async (tx) => {
        const { experiment_key } = await lock(tx, id);
        await tx.query(sqlFile('tracking-log-datasets'), [uuidOf(id), experiment_key, JSON.stringify(datasets)]);
      }),
    logModels: (id, way, models) =>
      db.transaction(async (tx) => {
        await lock(tx, id);
        await tx.query(
          `insert into mlops.run_models (run_id, way, model_id, step)
           select $1::uuid, $2::text, m."modelId", m.step from json_to_recordset($3::json) as m ("modelId" text, step bigint) on conflict do nothing`,
          [uuidOf(id), way, JSON.stringify(models)],
        );
      }),
    countRuns: async (experimentIds) => {
      const rows = await db.query<{ number: number; runs: number }>(
        `select e.number, count(*) as runs from mlops.experiments e join mlops.tracked_runs r using (experiment_key)
          where e.scope_id = $1 and e.number = any($2::bigint[]) and r.lifecycle = 'active' group by e.number`,
        [scopeId, experimentIds.filter(isExperimentId)],
      );
      return new Map(rows.map(({ number, runs }) => [String(number), runs]));
    },
  };
}

async function logModelMetrics(tx: Queryable, id: string, metrics: readonly LoggedMetric[]): Promise<void> {
  const ofModels = metrics.filter(({ modelId }) => modelId !== undefined);
  if (ofModels.length === 0) return;
  await tx.query(
    `insert into mlops.logged_model_metrics (model_id, run_id, key, at_ms, step, value, dataset_name, dataset_digest)
     select m."modelId", $1::uuid, m.key, m."atMs", m.step, m.value, m."datasetName", m."datasetDigest"
     from json_to_recordset($2::json) as m ("modelId" text, key text, "atMs" bigint, step bigint, value double precision, "datasetName" text, "datasetDigest" text)
     where exists (select from mlops.logged_models l where l.model_id = m."modelId")
     on conflict do nothing`,
    [uuidOf(id), JSON.stringify(ofModels.map((one) => ({ ...one, value: String(one.value) })))],
  );
}

/** Of each metric that is logged the newest value, where it is newer than what is stored. */
function latestOf(
  stored: Readonly<Record<string, StoredMetric>>,
  metrics: readonly MetricPoint[],
): Record<string, StoredMetric> {
  const latest = new Map<string, MetricPoint>();
  for (const point of metrics) {
    const known = stored[point.key];
    const before = latest.get(point.key) ?? (known && pointOf(point.key, known));
    if (before === undefined || isNewer(point, before)) latest.set(point.key, point);
  }
  return Object.fromEntries([...latest].map(([key, point]) => [key, storedOf(point)]));
}

/** By step, then time, then value, of which NaN counts as 0: as clients' own stores do. */
function isNewer(a: MetricPoint, b: MetricPoint): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.atMs !== b.atMs) return a.atMs > b.atMs;
  return (a.value || 0) > (b.value || 0);
}

function refuseChanged(id: string, stored: Texts, params: Texts): void {
  for (const [key, value] of Object.entries(params)) {
    if (!Object.hasOwn(stored, key) || stored[key] === value) continue;
    throw new MlopsError('EX204', {
      detail: `The parameter "${key}" of run ${id} is "${stored[key]}" already and cannot become "${value}".`,
      hint: 'log it in another run, for example one nested in this one',
      status: 422,
    });
  }
}

export function unknownRun(id: string): never {
  throw new MlopsError('EX201', { detail: `No run has the id ${id}.`, status: 404 });
}

/** A path below a URI, whose query stays behind it. */
export function belowUri(uri: string, path: string): string {
  const at = uri.search(/[?#]/);
  const [base, rest] = at < 0 ? [uri, ''] : [uri.slice(0, at), uri.slice(at)];
  return `${base.replace(/\/+$/, '')}/${path}${rest}`;
}
