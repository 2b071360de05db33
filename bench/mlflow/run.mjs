// MLflow's own Python client against the daemon and against `mlflow server` on SQLite, in the same run: runs a second, searches, idle memory.
// Then searches of the daemon alone, over 100,000 runs and 100,000 versions. Flags: --search: those alone; --beside: without those.
// Numbers: runs made a round, searches of each kind, runs that are searched beside MLflow.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { familyOf, median, privateMemory, report, root, startDaemon } from '../support/measure.mjs';
import { fill, openBenchDatabase } from './fill.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const numbers = process.argv.slice(2).filter((word) => /^\d+$/.test(word));
const RUNS = Number(numbers[0] ?? 40);
const SEARCHES = Number(numbers[1] ?? 40);
const KEPT_RUNS = Number(numbers[2] ?? 1000);
const MANY = 100_000;
const ROUNDS = 3;
const IDLE_MS = 8_000;

const wanted = readFileSync(join(root, 'test/mlflow/requirements.txt'), 'utf8').trim();
const cache = process.env.MLOPS_CI_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mlops-ci');
const home = join(cache, wanted.replace('==', '-'));
const python = join(home, 'bin/python');

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

async function startMlflow(folder) {
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
  const begun = performance.now();
  const child = spawn(
    python,
    [
      ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port)],
      ...['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`],
      ...['--artifacts-destination', join(folder, 'files')],
    ],
    { stdio: 'ignore', detached: true, env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } },
  );
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`mlflow server ended with ${child.exitCode}`);
    if (
      await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    await delay(100);
  }
  return {
    url,
    pid: child.pid,
    readySeconds: (performance.now() - begun) / 1000,
    stop: () => process.kill(-child.pid, 'SIGKILL'),
  };
}

/** What client.py measures, as it tells it. */
function client(url, ...args) {
  const { status, stdout, stderr } = spawnSync(python, [join(here, 'client.py'), url, ...args.map(String)], {
    encoding: 'utf8',
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' },
  });
  if (status !== 0) throw new Error(`client.py ended with ${status}:\n${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const megabytes = (pid, folder) =>
  (privateMemory(familyOf(pid, folder)) ?? []).reduce((sum, one) => sum + one.megabytes, 0);

function ratio(name, ours, theirs, floor, unit) {
  const times = ours.better === 'more' ? ours.value / theirs : theirs / ours.value;
  const missed = times < floor;
  if (missed) process.exitCode = 1;
  console.log(
    `${name.padEnd(34)} ${ours.value.toFixed(1).padStart(8)} ${unit}   MLflow ${theirs.toFixed(1)} ${unit}   ${times.toFixed(1)} times, limit ${floor}${missed ? '   MISSED' : ''}`,
  );
}

async function beside(folder) {
  if (!existsSync(join(home, 'complete'))) {
    console.log(`beside MLflow                      not measured: scripts/python-environment.sh mlflow makes ${home}`);
    return;
  }
  const theirFolder = join(folder, 'theirs');
  mkdirSync(theirFolder);
  const ourFolder = projectIn(folder, 'ours');
  const daemon = await startDaemon(ourFolder);
  const server = await startMlflow(theirFolder);
  try {
    console.log(`ready: daemon ${daemon.readySeconds.toFixed(1)} s, mlflow server ${server.readySeconds.toFixed(1)} s`);
    await delay(IDLE_MS);
    const [ourMemory, theirMemory] = [megabytes(daemon.pid, ourFolder), megabytes(server.pid, theirFolder)];
    ratio('idle, private memory', { value: ourMemory, better: 'less' }, theirMemory, 5, 'MB');

    const made = { ours: [], theirs: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      made.ours.push(client(daemon.url, 'runs', RUNS).perSecond);
      made.theirs.push(client(server.url, 'runs', RUNS).perSecond);
    }
    ratio('runs made, logged and ended', { value: median(made.ours), better: 'more' }, median(made.theirs), 8, '/s');

    for (const url of [daemon.url, server.url]) client(url, 'fill', KEPT_RUNS);
    const searched = { ours: [], theirs: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      searched.ours.push(client(daemon.url, 'search', SEARCHES));
      searched.theirs.push(client(server.url, 'search', SEARCHES));
    }
    const of = (which, what) => median(searched[which].map((one) => one[what]));
    ratio('search by metric, p50', { value: of('ours', 'p50'), better: 'less' }, of('theirs', 'p50'), 5, 'ms');
    console.log(
      `search by metric, p99              ${of('ours', 'p99').toFixed(1)} ms   MLflow ${of('theirs', 'p99').toFixed(1)} ms`,
    );
  } finally {
    server.stop();
    await daemon.stop();
  }
}

function projectIn(folder, name) {
  const own = join(folder, name);
  mkdirSync(own);
  writeFileSync(join(own, 'mlops.config.yaml'), 'project: bench\nresources: []\n');
  return own;
}

/** Searches of many kinds, one after the other; the slowest of a hundred counts. */
async function large(folder) {
  const own = projectIn(folder, 'large');
  const daemon = await startDaemon(own);
  const database = await openBenchDatabase(own);
  try {
    const begun = performance.now();
    await fill(database, MANY);
    console.log(`filled with ${MANY} runs and versions in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
    await measured('search of 100,000 runs', runSearches, (search) =>
      fetch(`${daemon.url}/api/2.0/mlflow/runs/search`, {
        method: 'POST',
        body: JSON.stringify({ experiment_ids: ['1'], max_results: 100, ...search }),
      }),
    );
    await measured('search of 100,000 versions', versionSearches, ({ filter, order_by = [] }) => {
      const query = new URLSearchParams([
        ['filter', filter],
        ['max_results', '100'],
        ...order_by.map((one) => ['order_by', one]),
      ]);
      return fetch(`${daemon.url}/api/2.0/mlflow/model-versions/search?${query}`);
    });
  } finally {
    await database.close();
    await daemon.stop();
  }
}

async function measured(name, searches, ask) {
  const all = [];
  for (const [kind, make] of Object.entries(searches)) {
    const times = [];
    for (let index = 0; index < SEARCHES; index += 1) {
      const search = make(index);
      const at = performance.now();
      const answer = await ask(search);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${JSON.stringify(search)} was answered ${answer.status}`);
      times.push(performance.now() - at);
    }
    times.sort((a, b) => a - b);
    all.push(...times);
    console.log(
      `  ${kind.padEnd(40)} p50 ${percentile(times, 0.5).toFixed(1).padStart(6)} ms   p99 ${percentile(times, 0.99).toFixed(1).padStart(6)} ms`,
    );
  }
  all.sort((a, b) => a - b);
  report(`${name}, p50`, percentile(all, 0.5), 'ms');
  report(`${name}, p99`, percentile(all, 0.99), 'ms', { limit: 100 });
}

const level = (index) => ((index * 37) % 100) / 100;
const runSearches = {
  'the newest': () => ({}),
  'a later page': (index) => ({
    page_token: Buffer.from(JSON.stringify({ offset: 100 + index * 50 })).toString('base64'),
  }),
  'ordered by a metric': (index) => ({ order_by: [`metrics.m${index % 10} ${index % 2 === 0 ? 'DESC' : 'ASC'}`] }),
  'a metric above, many': (index) => ({ filter: `metrics.m1 > ${level(index) / 2}` }),
  'a metric above, few': (index) => ({ filter: `metrics.m1 > ${0.99 + level(index) / 100}` }),
  'a metric above, ordered by it': (index) => ({
    filter: `metrics.m2 > ${level(index)}`,
    order_by: ['metrics.m2 DESC'],
  }),
  'two metrics': (index) => ({ filter: `metrics.m1 > ${level(index)} and metrics.m2 < ${level(index + 1)}` }),
  'two metrics, ordered by a third': (index) => ({
    filter: `metrics.m1 > ${level(index)} and metrics.m2 < 0.5`,
    order_by: ['metrics.m3 ASC'],
  }),
  'a parameter of ten': (index) => ({ filter: `params.p0 = '${index % 10}'`, order_by: ['metrics.m4 DESC'] }),
  'a parameter of its own': (index) => ({ filter: `params.p1 = '${index * 97}'` }),
  'a parameter like': (index) => ({ filter: `params.p1 LIKE '%${index % 10}7%'` }),
  'a tag and a status': (index) => ({ filter: `tags.team = 't${index % 5}' and attributes.status = 'FINISHED'` }),
  'two that no run meets both': () => ({ filter: "metrics.m1 > 0.5 and params.p0 = '3' and tags.team = 't4'" }),
  'a name': (index) => ({ filter: `attributes.run_name = 'run ${index * 91}'` }),
};
const versionSearches = {
  'the last changed': () => ({ filter: '' }),
  'of a model': (index) => ({ filter: `name = 'model-${index % 100}'`, order_by: ['version_number DESC'] }),
  'of models like': (index) => ({ filter: `name LIKE 'model-${index % 10}%'` }),
  'of a run': (index) => ({ filter: `run_id = '${'0'.repeat(24)}${String(index * 83).padStart(8, '0')}'` }),
  'with a tag': (index) => ({ filter: `tags.team = 't${index % 5}'` }),
  'of a model with a tag': (index) => ({ filter: `name = 'model-${index % 100}' and tags.team = 't${index % 5}'` }),
  'by name': () => ({ filter: '', order_by: ['name ASC'] }),
  'numbers above': (index) => ({ filter: `version_number > ${index * 20}`, order_by: ['creation_timestamp DESC'] }),
};

const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
chmodSync(folder, 0o711);
try {
  if (!process.argv.includes('--search')) await beside(folder);
  if (!process.argv.includes('--beside')) await large(folder);
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
