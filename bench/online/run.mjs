// Features online over HTTP, from LMDB and from Redis, beside a bare node:http server that answers the same bytes: one daemon, the load from
// another process, all in one run. Bare and ours take turns, and medians over the rounds are compared: no single second of a machine
// decides. Then rows a second into each store beside a bare loop that writes the same records.
// Arguments: seconds per measurement, --rounds=N (5).
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bin, cpuSecondsOf, median, report, startDaemon, timed } from '../support/measure.mjs';
import { ENTITIES, FEATURES, makeProject, startRedis } from './project.mjs';
import { writeRates } from './write.mjs';

const SECONDS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 4);
const ROUNDS = Number(/--rounds=(\d+)/.exec(process.argv.slice(2).join(' '))?.[1] ?? 5);
/** Of materialization's writes. */
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
  const child = spawn(process.execPath, [here('../support/load.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ url, bodies, seconds: SECONDS, ...options }));
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const measured = JSON.parse(text);
  return { ...measured, cpuSeconds: cpuSecondsOf(pid) - before };
}

/** One after the other, round by round: `targets` are { single, batch }, each { url, pid }. Answers the medians of each. */
async function inTurns(targets) {
  const rounds = targets.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, { single, batch }] of targets.entries())
      rounds[at].push({
        open: await load(single.url, one, single.pid, { connections: 32, perSecond: 1_000 }),
        batch: await load(batch.url, hundred, batch.pid, { connections: 8, perSecond: 20 }),
        full: await load(single.url, one, single.pid, { connections: 16 }),
      });
  }
  return rounds.map((found) =>
    Object.fromEntries(
      ['open', 'batch', 'full'].map((what) => [
        what,
        Object.fromEntries(
          Object.keys(found[0][what]).map((figure) => [figure, median(found.map((one) => one[what][figure]))]),
        ),
      ]),
    ),
  );
}

async function startBare(folder, name, text) {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, text);
  const child = spawn(process.execPath, [here('bare-server.mjs'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve) =>
    child.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim())),
  );
  return { url, pid: child.pid, stop: () => child.kill() };
}

function tell({ name, saturation }, least, { open, batch, full }) {
  const cpu = ({ cpuSeconds, answers }) => `${((cpuSeconds / answers) * 1e6).toFixed(0)} µs of CPU an answer`;
  const line = (what) =>
    `1 × 50: p50 ${what.open.p50.toFixed(2)}, p99 ${what.open.p99.toFixed(2)} ms, ${cpu(what.open)};   100 × 50: p50 ${what.batch.p50.toFixed(2)}, p99 ${what.batch.p99.toFixed(2)} ms;   saturated ${what.full.perSecond.toFixed(0)}/s, ${cpu(what.full)}`;
  console.log(`${'bare node:http'.padEnd(18)} ${line(least)}`);
  console.log(`${name.padEnd(18)} ${line({ open, batch, full })}`);
  report(`${name}: 1 × 50 at 1,000/s, p50 above bare`, open.p50 - least.open.p50, 'ms', { limit: 1 });
  report(`${name}: 1 × 50 at 1,000/s, p99 above bare`, open.p99 - least.open.p99, 'ms', { limit: 1.5 });
  report(`${name}: 100 × 50 at 20/s, p99`, batch.p99, 'ms', { limit: 10 });
  report(`${name}: bare's saturation by ours`, least.full.perSecond / full.perSecond, 'times', {
    limit: 1 / saturation,
  });
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
  for (const store of stores) {
    const flags = ['--env', store.environment];
    const options = { cwd: project.folder };
    timed(process.execPath, [bin, 'apply', '--yes', ...flags], options);
    timed(process.execPath, [bin, 'features', 'materialize', 'wide', ...flags], options);
    const daemon = await startDaemon(project.folder, flags);
    const running = [];
    try {
      const url = `${daemon.url}/api/v1/online-features`;
      const single = await startBare(project.folder, 'single', await ask(url, one[0]));
      running.push(single);
      const batch = await startBare(project.folder, 'batch', await ask(url, hundred[0]));
      running.push(batch);
      const ours = { url, pid: daemon.pid };
      const [least, measured] = await inTurns([
        { single, batch },
        { single: ours, batch: ours },
      ]);
      tell(store, least, measured);
    } finally {
      for (const server of running) server.stop();
      await daemon.stop();
    }
  }
  for (const { name, ours, bare: loop } of await writeRates(ROWS, redis?.url))
    report(`${name}: rows written`, ours, 'a second', { beside: `a bare loop ${loop.toFixed(0)}` });
} finally {
  project.remove();
  await redis?.stop();
}
