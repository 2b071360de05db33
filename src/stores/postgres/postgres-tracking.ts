/** Experiments, runs and logged models in Postgres: see tracking/. */
import type { TrackingStore } from '../control/tracking.ts';
import type { Database } from './database.ts';
import { experimentStore } from './tracking/experiments.ts';
import { trackedFileStore } from './tracking/files.ts';
import { historyStore } from './tracking/history.ts';
import { loggedModelStore } from './tracking/models.ts';
import { runSearchStore } from './tracking/run-search.ts';
import { runRecordStore } from './tracking/runs.ts';

export function postgresTracking(db: Database, scopeId: number): TrackingStore {
  const experiments = experimentStore(db, scopeId);
  const runs = runRecordStore(db, scopeId);
  const models = loggedModelStore(db, scopeId);
  let defaultIsThere = false;
  /** The experiment 0 is there before anybody looks. */
  const afterDefault =
    <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      if (!defaultIsThere) {
        await db.query(
          `insert into mlops.experiments (scope_id, number, name, artifact_location, created_ms, updated_ms)
           select $1, 0, 'Default', 'mlflow-artifacts:/0', now_ms, now_ms
           from (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms) as clock on conflict do nothing`,
          [scopeId],
        );
        defaultIsThere = true;
      }
      return call(...args);
    };
  return {
    ...experiments,
    experiment: afterDefault(experiments.experiment),
    experimentNamed: afterDefault(experiments.experimentNamed),
    createExperiment: afterDefault(experiments.createExperiment),
    searchExperiments: afterDefault(experiments.searchExperiments),
    ...runs,
    createRun: afterDefault(runs.createRun),
    ...runSearchStore(db, scopeId),
    ...historyStore(db, scopeId),
    ...models,
    createModel: afterDefault(models.createModel),
    ...trackedFileStore(db, scopeId),
  };
}
