// A DAG of no-op tasks, two edges a task, inserted and drained; beside it a bare loop of SQL on the same server that inserts as many tasks and
// edges, claims them in batches of as many with leases, ends them and counts them down at those after them, and does nothing else.
import { report } from '../support/measure.mjs';
import { MANUAL, measured, noOp, openRig, pipelineOf, untilEnded } from './rig.mjs';

const WIDTH = 1_000;
const BATCH = 1_000;

/** [task, needs]: layers, each task after two of the layer before; exactly two edges a task on the whole. */
export function layered(tasks) {
  const nameOf = (layer, place) => `t${layer * WIDTH + (place % WIDTH)}`;
  let missing = 2 * Math.min(WIDTH, tasks);
  return Array.from({ length: tasks }, (_, at) => {
    const layer = Math.floor(at / WIDTH);
    const place = at % WIDTH;
    if (layer === 0) return [`t${at}`, []];
    const needs = [nameOf(layer - 1, place), nameOf(layer - 1, place + 1)];
    for (let more = 2; missing > 0 && more < 4; more += 1, missing -= 1) needs.push(nameOf(layer - 1, place + more));
    return [`t${at}`, needs];
  });
}

export async function drain(tasks) {
  const rig = await openRig();
  try {
    const graph = layered(tasks);
    const edges = graph.reduce((sum, [, needs]) => sum + needs.length, 0);
    console.log(`${tasks} tasks, ${edges} edges`);
    const bare = await measured(rig, () => bareLoop(rig, graph));
    line('bare loop of SQL', bare);
    const { orchestrator, runs } = await rig.orchestrator({ maxTasks: BATCH, runOperator: noOp });
    const spec = pipelineOf('drain', graph);
    const ours = await measured(rig, async () => {
      const { runId } = await orchestrator.submit({ pipeline: spec, cause: MANUAL });
      const inserted = performance.now();
      await orchestrator.worker.start();
      const run = await untilEnded(runs, runId);
      if (run.status !== 'succeeded') throw new Error(`the run ${run.status}`);
      return inserted;
    });
    line('ours', ours);
    report('ours in the other', ours.wallSeconds / bare.wallSeconds, 'x', {
      limit: 2,
      beside: `in CPU time, the server's included, ${((ours.ownCpu + ours.serverCpu) / (bare.ownCpu + bare.serverCpu)).toFixed(2)} x`,
    });
  } finally {
    await rig.close();
  }
}

function line(name, { wallSeconds, ownCpu, serverCpu }) {
  report(name, wallSeconds, 's', { beside: `cpu ${ownCpu.toFixed(2)} s, the server's ${serverCpu.toFixed(2)} s` });
}

async function bareLoop(rig, graph) {
  const client = await rig.connect();
  const place = new Map(graph.map(([name], at) => [name, at]));
  const dependents = graph.map(() => []);
  graph.forEach(([, needs], at) => {
    for (const upstream of needs) dependents[place.get(upstream)].push(at);
  });
  await client.query(`create table if not exists bare_tasks (
    id integer primary key, name text not null, status text not null, remaining integer not null, dependents integer[] not null,
    attempt integer not null default 0, worker text, lease_until timestamptz, started_at timestamptz, finished_at timestamptz)`);
  await client.query("create index if not exists bare_ready on bare_tasks (id) where status = 'ready'");
  await client.query(
    `insert into bare_tasks (id, name, status, remaining, dependents)
     select id, name, case remaining when 0 then 'ready' else 'pending' end, remaining, dependents::integer[]
     from unnest($1::integer[], $2::text[], $3::integer[], $4::text[]) as t(id, name, remaining, dependents)`,
    [
      graph.map((_, at) => at),
      graph.map(([name]) => name),
      graph.map(([, needs]) => needs.length),
      dependents.map((ids) => `{${ids.join(',')}}`),
    ],
  );
  let left = graph.length;
  while (left > 0) {
    const { rows } = await client.query(
      `update bare_tasks set status = 'running', attempt = attempt + 1, worker = 'w', started_at = clock_timestamp(),
              lease_until = clock_timestamp() + interval '30 seconds'
       where id in (select id from bare_tasks where status = 'ready' order by id limit $1 for update skip locked)
       returning id, name, attempt`,
      [BATCH],
    );
    await client.query('begin');
    const { rows: ended } = await client.query(
      `update bare_tasks t set status = 'succeeded', lease_until = null, finished_at = clock_timestamp()
       from unnest($1::integer[], $2::integer[]) as e(id, attempt)
       where t.id = e.id and t.attempt = e.attempt and t.status = 'running' returning t.id`,
      [rows.map(({ id }) => id), rows.map(({ attempt }) => attempt)],
    );
    await client.query(
      `update bare_tasks t set remaining = remaining - d.n, status = case remaining - d.n when 0 then 'ready' else status end
       from (select o.id, count(*) as n from bare_tasks u cross join unnest(u.dependents) as o(id) where u.id = any($1) group by o.id) d
       where t.id = d.id`,
      [ended.map(({ id }) => id)],
    );
    await client.query('commit');
    left -= ended.length;
  }
  await client.query('drop table bare_tasks');
  await client.end();
}
