/** Every value that a metric had, and the data sets that runs read. */
import type { TrackingStore } from '../../control/tracking.ts';
import type { Database } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { isExperimentId } from './experiments.ts';
import { runIdOf, uuidOf } from './run-rows.ts';
import { unknownRun } from './runs.ts';

interface PointRow {
  readonly [column: string]: unknown;
  readonly run_id: string;
  readonly value: number;
  readonly at_ms: number;
  readonly step: number;
}

export function historyStore(
  db: Database,
  scopeId: number,
): Pick<TrackingStore, 'metricHistory' | 'metricSamples' | 'datasetsOf'> {
  const requireRuns = async (ids: readonly string[]): Promise<readonly string[]> => {
    const uuids = ids.map((id) => uuidOf(id) ?? unknownRun(id));
    const rows = await db.query<{ run_id: string }>(
      `select r.run_id from mlops.tracked_runs r join mlops.experiments e using (experiment_key)
        where e.scope_id = $1 and r.run_id = any($2::uuid[])`,
      [scopeId, uuids],
    );
    const known = new Set(rows.map((row) => runIdOf(row.run_id)));
    for (const id of uuids) if (!known.has(id)) unknownRun(id);
    return uuids;
  };
  return {
    metricHistory: async (id, key, { offset, limit }) => {
      const [uuid] = await requireRuns([id]);
      const rows = await db.query<PointRow>(
        `select run_id, value, at_ms, step from mlops.metric_points where run_id = $1 and key = $2
          order by at_ms, step, value offset $3 limit $4`,
        [uuid, key, offset, limit],
      );
      return rows.map((row) => ({ key, value: row.value, atMs: row.at_ms, step: row.step }));
    },
    metricSamples: async (ids, key, { limit, steps }) => {
      const uuids = await requireRuns(ids);
      const rows = await db.query<PointRow>(sqlFile('tracking-samples'), [
        uuids,
        key,
        limit,
        steps?.[0] ?? null,
        steps?.[1] ?? null,
      ]);
      return rows.map((row) => ({
        runId: runIdOf(row.run_id),
        key,
        value: row.value,
        atMs: row.at_ms,
        step: row.step,
      }));
    },
    datasetsOf: async (experimentIds, limit) => {
      const rows = await db.query<{ number: number; name: string; digest: string; context: string | null }>(
        `select distinct e.number, i.name, i.digest, i.tags ->> 'mlflow.data.context' as context
           from mlops.experiments e join mlops.run_datasets i using (experiment_key)
          where e.scope_id = $1 and e.number = any($2::bigint[]) order by 1, 2, 3, 4 limit $3`,
        [scopeId, experimentIds.filter(isExperimentId), limit],
      );
      return rows.map(({ number, ...row }) => ({ experimentId: String(number), ...row }));
    },
  };
}
