// Claims, listing and the first page of runs with a million finished runs in the history, beside an empty one: medians of many calls on the same server.
import { median, report } from '../support/measure.mjs';
import { MANUAL, openRig, pipelineOf, untilEnded } from './rig.mjs';

const CALLS = 60;
const PAGE = 20;

async function failsWhereAsked({ source }) {
  if (source === 'fails') throw new Error('it fails');
  return {};
}

export async function history(runsBefore) {
  const rig = await openRig();
  try {
    const { orchestrator, runs, scopeId } = await rig.orchestrator({ runOperator: failsWhereAsked });
    await orchestrator.worker.start();
    // A page of each list is full from the beginning: an answer without rows is no measure of one with twenty.
    const failing = pipelineOf('failing', [['fails', []]]);
    for (let at = 0; at <= PAGE; at += 1)
      await untilEnded(runs, (await orchestrator.submit({ pipeline: failing, cause: MANUAL })).runId);
    const empty = await measureAll(orchestrator, runs);
    await fill(rig, scopeId, runsBefore);
    const full = await measureAll(orchestrator, runs);
    console.log(`${runsBefore} finished runs`);
    for (const [what, ms] of Object.entries(full))
      report(what, ms / empty[what], 'x', {
        limit: 1.5,
        beside: `${empty[what].toFixed(2)} ms empty, ${ms.toFixed(2)} ms full`,
      });
  } finally {
    await rig.close();
  }
}

async function measureAll(orchestrator, runs) {
  const pipeline = pipelineOf('p0', [['t', []]]);
  const one = async () => {
    const { runId } = await orchestrator.submit({ pipeline, cause: MANUAL });
    await untilEnded(runs, runId);
  };
  for (let at = 0; at < 20; at += 1) await one();
  const worker = {
    workerId: crypto.randomUUID(),
    node: 'bench',
    pid: 1,
    pidStartedAt: '1',
    capacity: { cpu: 1, memoryBytes: 1, gpu: 0 },
  };
  const nothing = () => ({ admit: [], refuse: [], wait: [] });
  const rules = { settle: () => ({ to: 'pending' }), result: () => 'succeeded' };
  return {
    'a run, submitted to its end': await medianOf(one),
    'a claim': await medianOf(() => runs.claim(worker, 32, nothing, rules)),
    'the first page of runs': await medianOf(() => runs.list({ limit: PAGE })),
    'of one pipeline': await medianOf(() => runs.list({ limit: PAGE, pipeline: 'p0' })),
    'those that failed': await medianOf(() => runs.list({ limit: PAGE, status: 'failed' })),
  };
}

async function medianOf(call) {
  const times = [];
  for (let at = 0; at < CALLS; at += 1) {
    const begun = performance.now();
    await call();
    times.push(performance.now() - begun);
  }
  return median(times);
}

/** By SQL: each with a task, an attempt and its events. */
async function fill(rig, scopeId, count) {
  const client = await rig.connect();
  await client.query(`create temporary table made as
    select gen_random_uuid() as run_id, n, now() - (${count} - n) * interval '1 second' as at from generate_series(1, ${count}) n`);
  await client.query(
    `insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, status, event_seq, created_at, started_at, finished_at)
     select run_id, $1, 'p' || n % 100, '{"name": "p", "tasks": {}}', '{}', '{"kind": "manual", "who": "bench", "schedule": null, "instant": null}',
            case when n % 50 = 0 then 'failed' else 'succeeded' end, 5, at, at, at from made`,
    [scopeId],
  );
  await client.query(
    `insert into mlops.tasks (run_id, ordinal, scope_id, name, operator, status, trigger_rule, needs, dependents, priority, cpu, memory_bytes,
                              gpu, attempt, ready_at, started_at, finished_at)
     select run_id, 0, $1, 't', 'command', case when n % 50 = 0 then 'failed' else 'succeeded' end, 'all_success', '{}', '{}', 0, 1, 0, 0, 1, at, at, at
     from made`,
    [scopeId],
  );
  await client.query(
    `insert into mlops.task_attempts (run_id, ordinal, attempt, scope_id, worker_id, node, cpu, memory_bytes, gpu, lease_until, status, ended_at)
     select run_id, 0, 1, $1, gen_random_uuid(), 'n', 1, 0, 0, at, case when n % 50 = 0 then 'failed' else 'succeeded' end, at from made`,
    [scopeId],
  );
  await client.query(
    `insert into mlops.run_events (run_id, seq, task, status) select run_id, seq, 't', 'ready' from made cross join generate_series(1, 5) seq`,
  );
  await client.query('vacuum analyze');
  await client.end();
}
