// As many runs and versions as asked for, written past the interface, with ten metrics, three parameters and two tags each.
import { join } from 'node:path';
import { root } from '../support/measure.mjs';

const dist = (path) => import(join(root, 'dist', path));
const { acquireEmbeddedPostgres } = await dist('stores/postgres/server/embedded.js');
const { openDatabase } = await dist('stores/postgres/database.js');

/** The control store of a project whose daemon runs. */
export async function openBenchDatabase(folder) {
  const server = await acquireEmbeddedPostgres({ dir: join(folder, '.mlops') });
  const db = openDatabase({ connectionString: server.connectionString, max: 2 });
  return {
    query: (text, params) => db.query(text, params),
    close: async () => {
      await db.close();
      await server.release();
    },
  };
}

export async function fill({ query }, count) {
  const [{ scope_id: scope }] = await query("select scope_id from mlops.scopes where project = 'bench'");
  const [{ experiment_key: key }] = await query(
    `insert into mlops.experiments (scope_id, number, name, artifact_location, created_ms, updated_ms)
     values ($1, 1, 'large', 'mlflow-artifacts:/1', 1, 1) returning experiment_key`,
    [scope],
  );
  await query(
    `create table mlops.bench as select n, gen_random_uuid() as run_id, $1::bigint as experiment_key,
       (select jsonb_object_agg('m' || m, json_build_array((hashint8(n * 31 + m)::bigint + 2147483648) / 4294967296.0, 1, 0)) from generate_series(0, 9) m) as metrics,
       jsonb_build_object('p0', (n % 10)::text, 'p1', n::text, 'p2', 'adam') as params,
       jsonb_build_object('team', 't' || n % 5, 'mlflow.runName', 'run ' || n) as tags
     from generate_series(1, ${Number(count)}) n`.replace('$1', String(key)),
  );
  const statements = [
    `insert into mlops.tracked_runs (run_id, experiment_key, name, user_id, status, started_ms, ended_ms)
     select run_id, experiment_key, 'run ' || n, 'ada', case when n % 4 = 0 then 'FAILED' else 'FINISHED' end, 1700000000000 + n, 1700000001000 + n from mlops.bench`,
    `insert into mlops.tracked_run_data (run_id, artifact_uri, params, tags, metrics) select run_id, 'mlflow-artifacts:/1/x', params, tags, metrics from mlops.bench`,
    `insert into mlops.run_metrics (experiment_key, key, value, run_id) select experiment_key, m.key, (m.value ->> 0)::double precision, run_id from mlops.bench, jsonb_each(metrics) m`,
    `insert into mlops.run_params (experiment_key, key, value, run_id) select experiment_key, p.key, p.value, run_id from mlops.bench, jsonb_each_text(params) p`,
    `insert into mlops.run_tags (experiment_key, key, value, run_id) select experiment_key, t.key, t.value, run_id from mlops.bench, jsonb_each_text(tags) t`,
    `insert into mlops.models (scope_id, name, last_version) select ${Number(scope)}, 'model-' || m, ${Math.ceil(count / 100)} from generate_series(0, 99) m`,
    `insert into mlops.model_versions (scope_id, model, version, framework, metrics, hyperparameters, artifacts, tags, lineage, created_at, created_by, stage_changed_at, run_id, source)
     select ${Number(scope)}, 'model-' || n % 100, 1 + (n - 1) / 100, 'sklearn', (select jsonb_object_agg(m.key, m.value -> 0) from jsonb_each(metrics) m),
       params, '[]', tags - 'mlflow.runName', '{}', now() + n * interval '1 millisecond', 'ada', now(), lpad(n::text, 32, '0'), 'runs:/' || n || '/model' from mlops.bench`,
    'drop table mlops.bench',
  ];
  for (const statement of statements) await query(statement);
  await query('vacuum analyze');
}
