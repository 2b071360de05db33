// What it costs to log a prediction: CPU of this process and of Postgres' own, rows as serving logs them (ten features of two sets, what was
// read), 340 at a time as they come at 17,000 a second. Limit: 10 µs a row. Argument: rows in thousands.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRig } from '../orchestrator/rig.mjs';
import { cpuSecondsOf, report, root } from '../support/measure.mjs';

const ROWS = 1_000 * Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 200);
const BATCH = 340;
const WARM = 20_400;
const LIMIT_US = 10;
const dist = (path) => import(join(root, 'dist', path));
const { postgresPredictionLog } = await dist('stores/postgres/postgres-prediction-log.js');
const { ensureScope } = await dist('stores/postgres/scopes.js');

const rig = await openRig();
try {
  const scopeId = await ensureScope(rig.db, { project: 'bench', environment: 'log' });
  const log = postgresPredictionLog(rig.db, scopeId);
  const [{ pid }] = await rig.db.query('select pg_backend_pid() as pid');
  const server = parentOf(pid);
  for (let count = 0; count < WARM; count += BATCH)
    await log.append(Array.from({ length: BATCH }, (_, ordinal) => row(ordinal)));
  const perRow = Math.ceil(ROWS / BATCH) * BATCH;
  const before = cpuOfServer(server);
  const waits = [];
  let own = 0;
  let asked;
  for (let count = 0; count < perRow; count += BATCH) {
    // Making the rows is not what is measured.
    const batch = Array.from({ length: BATCH }, (_, ordinal) => row(ordinal));
    const start = process.cpuUsage();
    const begun = performance.now();
    await log.append(batch);
    waits.push(performance.now() - begun);
    const { user, system } = process.cpuUsage(start);
    own += (user + system) / perRow;
    if (count <= perRow / 2) asked = batch[7].requestId;
  }
  const theirs = ((cpuOfServer(server) - before) * 1e6) / perRow;
  report('append, CPU of both', own + theirs, 'µs a row', {
    limit: LIMIT_US,
    beside: `daemon ${own.toFixed(1)}, Postgres ${theirs.toFixed(1)}`,
  });
  waits.sort((a, b) => a - b);
  report('append, median of batches', waits[Math.floor(waits.length / 2)], 'ms', {
    beside: `slowest ${waits.at(-1).toFixed(0)} ms`,
  });
  const [{ bytes }] = await rig.db.query(
    "select (pg_total_relation_size('mlops.prediction_blocks') + pg_total_relation_size('mlops.prediction_block_rows'))::bigint as bytes",
  );
  report('stored', Number(bytes) / (perRow + WARM), 'bytes a row');
  for (const [what, filter] of [
    ['list the newest 100 of the endpoint', { endpoint: 'mortality', limit: 100 }],
    ['list one by its request id', { requestId: asked, limit: 10 }],
  ]) {
    const times = [];
    for (let at = 0; at < 20; at += 1) {
      const begun = performance.now();
      await log.list(filter);
      times.push(performance.now() - begun);
    }
    report(what, times.sort((a, b) => a - b)[10], 'ms');
  }
} finally {
  await rig.close();
}

function row(ordinal) {
  const value = () => Math.round(Math.random() * 1e6) / 1e4;
  return {
    id: randomUUID(),
    requestId: randomUUID(),
    ordinal: 0,
    endpoint: 'mortality',
    variant: ordinal % 2 === 0 ? 'control' : 'treatment',
    model: 'risk',
    version: 3,
    entity: { patient_id: ordinal },
    features: Object.fromEntries(
      [
        'labs.bili',
        'labs.albumin',
        'labs.protime',
        'labs.platelet',
        'labs.chol',
        'trend.a',
        'trend.b',
        'trend.c',
        'trend.d',
        'trend.e',
      ].map((name) => [name, value()]),
    ),
    prediction: { label: 0, probability: Math.random() },
    latencyMs: Math.random(),
    ageMs: 20 - ordinal / 20,
    reads: {
      at: '2026-01-01T00:00:00.000000Z',
      sets: {
        'labs@2': {
          version: 2,
          features: ['bili', 'albumin', 'protime', 'platelet', 'chol'],
          sequence: ordinal,
          event_time: '2026-01-01T00:00:00Z',
        },
        'trend@1': {
          version: 1,
          features: ['a', 'b', 'c', 'd', 'e'],
          sequence: ordinal,
          event_time: '2026-01-01T00:00:00Z',
        },
      },
    },
  };
}

function parentOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** The server's processes, those that live. */
function cpuOfServer(server) {
  let seconds = cpuSecondsOf(server);
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (parentOf(Number(name)) === server) seconds += cpuSecondsOf(Number(name));
    } catch {
      // It has ended.
    }
  }
  return seconds;
}
