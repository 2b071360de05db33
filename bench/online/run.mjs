// Features online over HTTP, from LMDB and from Redis, beside a bare node:http server that answers the same bytes: one daemon, the load from
// another process, all in one run. Then rows a second into each store beside a bare loop that writes the same records.
// Argument: seconds per measurement.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bin, cpuSecondsOf, report, startDaemon, timed } from '../support/measure.mjs';
import { ENTITIES, FEATURES, makeProject, startRedis } from './project.mjs';
import { writeRates } from './write.mjs';

const SECONDS = Number(
  process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 8,
); /** Of materialization's writes. */
const ROWS = 200_000;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const features = FEATURES.map((name) => `wide.${name}`);
const one = Array.from({ length: 500 }, (_, index) =>
  JSON.stringify({ entities: { id: (index * 7_919) % ENTITIES }, features }),
);
const hundred = Array.from({ length: 50 }, (_, index) =>
  JSON.stringify({
    entities: Array.from({ length: 100 }, (_, at) => ({ id: (index * 7_919 + at * 31) % ENTITIES })),
    features,
  }),
);

/** Of `pid`, the server: its CPU an answer. */
async function load(url, bodies, pid, options) {
  const before = cpuSecondsOf(pid);
  const child = spawn(process.execPath, [here('load.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ url, bodies, seconds: SECONDS, ...options }));
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const measured = JSON.parse(text);
  return { ...measured, cpuSeconds: cpuSecondsOf(pid) - before };
}

async function measure(url, pid, single, batch) {
  return {
    open: await load(url, single, pid, { connections: 32, perSecond: 1_000 }),
    batch: await load(url, batch, pid, { connections: 8, perSecond: 20 }),
    full: await load(url, single, pid, { connections: 16 }),
  };
}

async function bare(folder, answers) {
  const found = {};
  for (const [name, text] of Object.entries(answers)) {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, text);
    const child = spawn(process.execPath, [here('bare-server.mjs'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await new Promise((resolve) =>
      child.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim())),
    );
    if (name === 'single') {
      found.open = await load(url, one, child.pid, { connections: 32, perSecond: 1_000 });
      found.full = await load(url, one, child.pid, { connections: 16 });
    } else found.batch = await load(url, hundred, child.pid, { connections: 8, perSecond: 20 });
    child.kill();
  }
  return found;
}

const ask = async (url, body) => {
  const answer = await fetch(url, { method: 'POST', body });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`);
  return text;
};

const redis = await startRedis();
const project = makeProject(redis?.url);
try {
  const stores = [
    { name: 'LMDB', environment: 'dev', saturation: 0.35 },
    ...(redis === undefined ? [] : [{ name: 'Redis', environment: 'redis', saturation: 0.2 }]),
  ];
  if (redis === undefined) console.log('no redis-server on PATH: LMDB alone');
  const results = [];
  let answers;
  for (const store of stores) {
    const flags = ['--env', store.environment];
    const options = { cwd: project.folder };
    timed(process.execPath, [bin, 'apply', '--yes', ...flags], options);
    timed(process.execPath, [bin, 'features', 'materialize', 'wide', ...flags], options);
    const daemon = await startDaemon(project.folder, flags);
    try {
      const url = `${daemon.url}/api/v1/online-features`;
      answers ??= { single: await ask(url, one[0]), batch: await ask(url, hundred[0]) };
      results.push({ ...store, measured: await measure(url, daemon.pid, one, hundred) });
    } finally {
      await daemon.stop();
    }
  }
  const least = await bare(project.folder, answers);
  const cpu = ({ full }) => (full.cpuSeconds / full.answers) * 1e6;
  const line = ({ p50, p99, perSecond }) =>
    `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} ms at ${perSecond.toFixed(0)}/s`;
  console.log(
    `bare node:http     1 × 50: ${line(least.open)};   100 × 50: ${line(least.batch)};   saturated ${line(least.full)}`,
  );
  for (const { name, saturation, measured } of results) {
    const { open, batch, full } = measured;
    console.log(
      `${name.padEnd(18)} 1 × 50: ${line(open)};   100 × 50: ${line(batch)};   saturated ${line(full)}, ${cpu(measured).toFixed(0)} µs of CPU an answer, bare ${cpu(least).toFixed(0)}`,
    );
    report(`${name}: 1 × 50 at 1,000/s, p50 above bare`, open.p50 - least.open.p50, 'ms', { limit: 1 });
    report(`${name}: 1 × 50 at 1,000/s, p99 above bare`, open.p99 - least.open.p99, 'ms', { limit: 1.5 });
    report(`${name}: 100 × 50 at 20/s, p99`, batch.p99, 'ms', { limit: 10 });
    report(`${name}: bare's saturation by ours`, least.full.perSecond / full.perSecond, 'times', {
      limit: 1 / saturation,
    });
  }
  for (const { name, ours, bare: loop } of await writeRates(ROWS, redis?.url))
    report(`${name}: rows written`, ours, 'a second', { beside: `a bare loop ${loop.toFixed(0)}` });
} finally {
  project.remove();
  await redis?.stop();
}
