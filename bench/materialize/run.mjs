// Materializing rows into LMDB and into Redis, from a Parquet file to the last record online, beside a bare loop that reads the same file and
// writes the same records and compares, sorts and stores nothing. The memory of the command is sampled: it must not grow with the rows.
// Argument: [ROWS], default 10,000,000, each of an entity of its own. Ten million take about ten minutes, 10 GB of disk, and 5 GB for Redis.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { startRedis } from '../online/project.mjs';
import { bin, report, timed } from '../support/measure.mjs';

const ROWS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 10_000_000);
const FEATURES = Array.from({ length: 5 }, (_, index) => `f${index}`);
/** The engine's limit is 1 GiB for its buffers; code, heap and what is on its way online come on top. */
const PEAK_LIMIT_MB = 2_000;
const bare = fileURLToPath(new URL('./bare.mjs', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-materialize-'));
const data = join(folder, 'data.parquet');

async function makeData() {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: '2GiB',
    temp_directory: join(folder, 'spill'),
  });
  const connection = await instance.connect();
  const features = FEATURES.map((name, at) => `(hash(range + ${at}) % 1000000) / 7.0 as ${name}`);
  await connection.run(
    `copy (select range as id, timestamp '2026-01-01' + (range % 86400) * interval 1 second as "at", ${features.join(', ')} from range(${ROWS})) to '${data}' (format parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
}

function makeProject(redisUrl) {
  const config = {
    project: 'bench',
    environments: { dev: {}, ...(redisUrl !== undefined && { redis: { online: { redis: redisUrl } } }) },
    resources: [
      { kind: 'Source', name: 'data', file: 'data.parquet' },
      { kind: 'Entity', name: 'thing', keys: { id: 'int64' } },
      {
        kind: 'FeatureSet',
        name: 'wide',
        entity: 'thing',
        source: 'data',
        eventTime: 'at',
        features: Object.fromEntries(FEATURES.map((name) => [name, 'float64'])),
      },
    ],
  };
  writeFileSync(join(folder, 'mlops.config.yaml'), JSON.stringify(config));
}

/** Memory that is the process's own, in MB: without what it has mapped of files, LMDB's among them, which the system takes back as it likes. */
function memoryOf(pid) {
  try {
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Seconds of each phase and of the whole, by what the command itself tells. */
async function materialize(environment) {
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [bin, 'features', 'materialize', 'wide', '--env', environment, '--json', '--progress'],
    { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const starts = new Map();
  let peak = 0;
  const sampling = setInterval(() => {
    peak = Math.max(peak, memoryOf(child.pid));
  }, 100);
  let rest = '';
  let result;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line);
      if (event.event === 'materialized') result = event.materialized[0];
      else if (!starts.has(event.phase)) starts.set(event.phase, performance.now());
    }
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(sampling);
  const ended = performance.now();
  if (code !== 0) throw new Error(`features materialize ended with ${code}`);
  if (result.online_written !== ROWS) throw new Error(`${result.online_written} records instead of ${ROWS}`);
  const at = (phase) => starts.get(phase) ?? ended;
  return {
    seconds: (ended - began) / 1000,
    ingest: (at('reading') - began) / 1000,
    reading: (at('writing') - at('reading')) / 1000,
    writing: (at('online') - at('writing')) / 1000,
    online: (ended - at('online')) / 1000,
    peak,
  };
}

async function byHand(store, target) {
  const child = spawn(process.execPath, [bare, store, data, target], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
}

const redis = await startRedis();
if (redis === undefined) console.log('no redis-server on PATH: LMDB alone');
try {
  await makeData();
  makeProject(redis?.url);
  console.log(`${ROWS.toLocaleString('en-US')} rows of ${FEATURES.length} features, each of an entity of its own`);
  const stores = [
    { name: 'LMDB', environment: 'dev', hand: () => byHand('lmdb', join(folder, 'bare')) },
    ...(redis === undefined ? [] : [{ name: 'Redis', environment: 'redis', hand: () => byHand('redis', redis.url) }]),
  ];
  for (const { name, environment, hand } of stores) {
    timed(process.execPath, [bin, 'apply', '--yes', '--env', environment], { cwd: folder });
    const ours = await materialize(environment);
    const loop = await hand();
    const rate = (seconds) => ROWS / seconds;
    const ratio = (seconds) => `${(seconds / loop.seconds).toFixed(1)} times the loop`;
    report(`${name}: a bare loop, reading included`, rate(loop.seconds), 'rows/s', { cpu: loop.cpu });
    report(`${name}: materialized, all of it`, rate(ours.seconds), 'rows/s', { beside: ratio(ours.seconds) });
    report(`${name}: the online part of it`, rate(ours.online), 'rows/s', { beside: ratio(ours.online) });
    const phases = ['ingest', 'reading', 'writing', 'online'].map((phase) => `${phase} ${ours[phase].toFixed(1)} s`);
    console.log(`${' '.repeat(34)} ${phases.join(', ')}`);
    report(`${name}: most memory`, ours.peak, 'MB', { limit: PEAK_LIMIT_MB });
  }
} finally {
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
