// Searches over 100,000 versions of 200 models, as the registry answers them: p50 and p99 of many calls with varying values, one after the other.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report, root } from '../support/measure.mjs';

const dist = (path) => import(join(root, 'dist', path));
const { acquireEmbeddedPostgres } = await dist('stores/postgres/server/embedded.js');
const { openControlDatabase } = await dist('stores/postgres/control-database.js');
const { postgresRegistry } = await dist('stores/postgres/postgres-registry.js');
const { ensureScope } = await dist('stores/postgres/scopes.js');

const VERSIONS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 100_000);
const MODELS = 200;
const CALLS = 200;
const LIMIT_MS = 100;

const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
const server = await acquireEmbeddedPostgres({ dir: join(folder, '.mlops') });
const db = await openControlDatabase({ connectionString: server.connectionString });
try {
  const scopeId = await ensureScope(db, { project: 'bench', environment: 'dev' });
  const registry = postgresRegistry(db, scopeId);
  await fill(scopeId);
  for (const [what, filterOf] of Object.entries(searches())) await measure(registry, what, filterOf);
  await measurePages(registry);
} finally {
  await db.close();
  await server.release();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** auc is spread over [0, 1), loss is 1 - auc: of conditions on both that contradict each other no version meets all. */
async function fill(scopeId) {
  await db.query(
    "insert into mlops.models (scope_id, name, last_version) select $1, 'model_' || m, $2 from generate_series(0, $3 - 1) as m",
    [scopeId, VERSIONS / MODELS, MODELS],
  );
  await db.query(
    `insert into mlops.model_versions (scope_id, model, version, stage, framework, metrics, hyperparameters, artifacts, tags, lineage,
       created_at, created_by, stage_changed_at, updated_at, run_id, source)
     select $1, 'model_' || n % $3, n / $3 + 1, case when n / $3 = 0 then 'production' when n % 50 = 7 then 'staging' else 'development' end,
            (array['onnx', 'sklearn', 'xgboost'])[n % 3 + 1],
            jsonb_build_object('auc', auc, 'loss', 1 - auc, 'rows', n), json_build_object('depth', n % 7, 'note', repeat('x', 200)),
            json_build_array(json_build_object('path', 'model.onnx', 'digest', repeat('a', 64), 'bytes', 1, 'uri', null)),
            jsonb_build_object('team', 'team-' || n % 40, 'ticket', 'T-' || n, 'note', repeat('y', 100)),
            json_build_object('run', json_build_object('id', 'run-' || n), 'sources', repeat('z', 1000)),
            now() - n * interval '1 second', 'bench', now(), now() - n * interval '1 second', 'run-' || n, 's3://bucket/' || n
       from (select n, (n * 7919 % 1000003) / 1000003.0 as auc from generate_series(0, $2::integer - 1) as n) as rows`,
    [scopeId, VERSIONS, MODELS],
  );
  await db.query('vacuum analyze');
}

function searches() {
  const at = (call) => (call * 7919) % VERSIONS;
  const metric = (name, op, value) => ({ metric: name, op, value });
  return {
    'the newest': () => ({}),
    'of a model': (call) => ({ name: `model_${call % MODELS}` }),
    'in production': () => ({ stage: 'production' }),
    'in staging, of a framework': () => ({ stage: 'staging', framework: 'onnx' }),
    'metric, half of them': (call) => ({ metrics: [metric('auc', '>=', 0.5 + (call % 10) / 100)] }),
    'metric, one in ten thousand': (call) => ({ metrics: [metric('auc', '>=', 0.9999 - (call % 10) / 1e6)] }),
    'metric, none': () => ({ metrics: [metric('auc', '>', 1)] }),
    'two metrics that contradict': (call) => ({
      metrics: [metric('auc', '>', 0.4 + (call % 10) / 100), metric('loss', '>', 0.61)],
    }),
    'metric that no version has': () => ({ metrics: [metric('nothing', '>', 0)] }),
    'metric of a model': (call) => ({ name: `model_${call % MODELS}`, metrics: [metric('auc', '>', 0.99)] }),
    'tag of many': (call) => ({ tags: { team: `team-${call % 40}` } }),
    'tag of one': (call) => ({ tags: { ticket: `T-${at(call)}` } }),
    'tag like, none': () => ({ conditions: [{ on: 'tag', key: 'ticket', op: 'like', value: '%nothing%' }] }),
    'tag that is not': (call) => ({ conditions: [{ on: 'tag', key: 'team', op: '!=', value: `team-${call % 40}` }] }),
    'tag and metric': (call) => ({ tags: { team: `team-${call % 40}` }, metrics: [metric('auc', '>', 0.999)] }),
    run: (call) => ({ conditions: [{ on: 'runId', op: '=', value: `run-${at(call)}` }] }),
    'runs in a list': (call) => ({
      conditions: [
        { on: 'runId', op: 'in', value: Array.from({ length: 50 }, (_, i) => `run-${(at(call) + i) % VERSIONS}`) },
      ],
    }),
    source: (call) => ({ conditions: [{ on: 'source', op: '=', value: `s3://bucket/${at(call)}` }] }),
    'name like': (call) => ({ conditions: [{ on: 'name', op: 'like', value: `%_${call % MODELS}` }] }),
    'name like, none': () => ({ conditions: [{ on: 'name', op: 'ilike', value: '%nothing%' }] }),
    'by metric, best first': () => ({ order: [{ by: 'metric', metric: 'auc', ascending: false }] }),
    'of a model by metric': (call) => ({
      name: `model_${call % MODELS}`,
      order: [{ by: 'metric', metric: 'auc', ascending: false }],
    }),
    'by name, then version': () => ({
      order: [
        { by: 'name', ascending: true },
        { by: 'version', ascending: false },
      ],
    }),
    'by update': () => ({ order: [{ by: 'updatedAt', ascending: false }] }),
    'by creation': () => ({ order: [{ by: 'createdAt', ascending: true }] }),
    'by version': () => ({ order: [{ by: 'version', ascending: false }] }),
  };
}

async function measure(registry, what, filterOf) {
  const times = [];
  let found = 0;
  for (let call = 0; call < CALLS; call += 1) {
    const filter = filterOf(call);
    const begun = performance.now();
    found = (await registry.search({ limit: 50, ...filter })).items.length;
    times.push(performance.now() - begun);
  }
  tell(what, times, found);
}

/** From the first page to the last of one order. */
async function measurePages(registry) {
  const times = [];
  let cursor;
  const order = [
    { by: 'name', ascending: true },
    { by: 'version', ascending: false },
  ];
  for (let page = 0; page < CALLS; page += 1) {
    const begun = performance.now();
    const answer = await registry.search({ limit: 200, cursor, order });
    times.push(performance.now() - begun);
    cursor = answer.nextCursor ?? undefined;
    if (cursor === undefined) break;
  }
  tell('page after page by name', times, 200);
}

function tell(what, times, found) {
  times.sort((a, b) => a - b);
  const percentile = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  report(`${what}, p99`, percentile(0.99), 'ms', {
    limit: LIMIT_MS,
    beside: `p50 ${percentile(0.5).toFixed(1)} ms, ${found} found`,
  });
}
