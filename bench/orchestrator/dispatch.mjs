// From ready to started, at 100 tasks a second: runs of one no-op task each, submitted by the clock, waiting included. Beside it the same through
// graphile-worker on the same server: from the job's row to the beginning of its function, by one clock.
import { run as runGraphile } from 'graphile-worker';
import pg from 'pg';
import { report } from '../support/measure.mjs';
import { MANUAL, noOp, openRig, pipelineOf } from './rig.mjs';

const quantile = (values, q) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
};

/** Calls `submit` each time that is due, whatever became of those before. */
async function atRate(perSecond, seconds, submit) {
  const begun = performance.now();
  const submitted = [];
  for (let at = 0; at < perSecond * seconds; at += 1) {
    const due = begun + (at * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    submitted.push(submit(at));
  }
  await Promise.all(submitted);
}

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

export async function dispatch(seconds, perSecond = 100) {
  const rig = await openRig();
  try {
    const ours = await oursOf(rig, seconds, perSecond);
    const graphile = await graphileOf(rig, seconds, perSecond);
    console.log(`${perSecond} tasks a second for ${seconds} s`);
    show('ours', ours, { p50: 10, p99: 50 });
    show('graphile-worker', graphile, {});
  } finally {
    await rig.close();
  }
}

function show(name, latencies, limits) {
  report(`${name}: p50`, quantile(latencies, 0.5), 'ms', { limit: limits.p50 });
  report(`${name}: p99`, quantile(latencies, 0.99), 'ms', {
    limit: limits.p99,
    beside: `most ${Math.max(...latencies).toFixed(1)} ms`,
  });
}

async function oursOf(rig, seconds, perSecond) {
  const { orchestrator, scopeId } = await rig.orchestrator({ runOperator: noOp });
  await orchestrator.worker.start();
  const pipeline = pipelineOf('one', [['t', []]]);
  const submit = () => orchestrator.submit({ pipeline, cause: MANUAL });
  await atRate(perSecond, 2, submit);
  const [{ now }] = await rig.db.query('select clock_timestamp() as now');
  await atRate(perSecond, seconds, submit);
  const rows = () =>
    rig.db.query(
      `select extract(epoch from a.started_at - t.ready_at)::double precision * 1000 as ms
       from mlops.tasks t join mlops.task_attempts a on a.run_id = t.run_id and a.ordinal = t.ordinal
       where t.scope_id = $1 and t.ready_at >= $2`,
      [scopeId, now],
    );
  await until(async () => (await rows()).length >= perSecond * seconds);
  const latencies = (await rows()).map(({ ms }) => ms);
  await orchestrator.close();
  return latencies;
}

async function graphileOf(rig, seconds, perSecond) {
  const latencies = [];
  let counting = false;
  const pools = [openPool(rig), openPool(rig)];
  const [own, pool] = pools;
  const runner = await runGraphile({
    pgPool: own,
    concurrency: 32,
    noHandleSignals: true,
    pollInterval: 1000,
    logger: new (await import('graphile-worker')).Logger(() => () => {}),
    taskList: {
      noop: async (payload) => {
        if (counting) latencies.push(performance.timeOrigin + performance.now() - payload.at);
      },
    },
  });
  // The row's own time, of the same machine's clock.
  const submit = () =>
    pool.query(
      `select graphile_worker.add_job('noop', json_build_object('at', extract(epoch from clock_timestamp())::double precision * 1000))`,
    );
  await atRate(perSecond, 2, submit);
  await until(async () => (await pool.query('select 1 from graphile_worker.jobs limit 1')).rowCount === 0);
  counting = true;
  await atRate(perSecond, seconds, submit);
  await until(() => latencies.length >= perSecond * seconds);
  await runner.stop();
  for (const one of pools) await one.end();
  return latencies;
}

/** Its idle connections may be ended by the server's stop before they are closed: no harm. */
function openPool(rig) {
  return new pg.Pool({ connectionString: rig.connectionString }).on('error', () => {});
}
