// Predictions over HTTP beside the least that could answer them: node:http and onnxruntime-node with the same model and the same inputs, without
// reading features, checking, routing, counting or logging. The load comes from another process over raw sockets. Bare and ours take turns, and
// medians over the rounds are compared. What was answered must be in the log: a figure for which it did not keep up is void.
// Arguments: seconds per measurement (4), --rounds=N (5).
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  cpuSecondsOf,
  healthcareCopy,
  median,
  postgresCpuSeconds,
  report,
  root,
  startDaemon,
  timed,
} from '../support/measure.mjs';

const SECONDS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 4);
const ROUNDS = Number(/--rounds=(\d+)/.exec(process.argv.slice(2).join(' '))?.[1] ?? 5);
const LEAST_SHARE = 0.6;
const MOST_ABOVE_MS = 2;
const PATIENTS = 100;
/** So long after a measurement all that it answered is written. */
const LOG_WITHIN_MS = 10_000;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const open = { connections: 32, perSecond: 1_000 };
const full = { connections: 16 };

async function ask(url, method, body) {
  const answer = await fetch(url, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function load({ url, bodies, pid, folder }, options) {
  const cpu = cpuSecondsOf(pid);
  const postgres = folder === undefined ? 0 : postgresCpuSeconds(folder);
  const child = spawn(process.execPath, [here('../support/load.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ url, bodies, seconds: SECONDS, ...options }));
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const measured = JSON.parse(text);
  const micros = (seconds) => (seconds / measured.answers) * 1e6;
  return {
    ...measured,
    cpu: micros(cpuSecondsOf(pid) - cpu),
    postgres: folder === undefined ? 0 : micros(postgresCpuSeconds(folder) - postgres),
  };
}

async function logOf(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const figure = (name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  return {
    written: figure('mlops_predictions_logged_total'),
    dropped: figure('mlops_predictions_log_dropped_total'),
    pending: figure('mlops_predictions_log_pending'),
  };
}

/** Milliseconds until all of `answers` was in the log; throws where something is not. */
async function isLogged(url, before, answers) {
  const begun = performance.now();
  for (;;) {
    const now = await logOf(url);
    if (now.dropped > before.dropped)
      throw new Error(`the log dropped ${now.dropped - before.dropped} predictions: the figure is void`);
    const tookMs = performance.now() - begun;
    if (now.pending === 0 && now.written - before.written >= answers) return tookMs;
    if (tookMs > LOG_WITHIN_MS)
      throw new Error(
        `${now.written - before.written} of ${answers} predictions are in the log after ${LOG_WITHIN_MS} ms: the figure is void`,
      );
    await delay(20);
  }
}

const project = healthcareCopy();
try {
  timed(process.execPath, [join(root, 'scripts/quickstart.mjs'), project.folder], { cwd: project.folder });
  const daemon = await startDaemon(project.folder);
  let bare;
  try {
    const predict = `${daemon.url}/api/v1/endpoints/mortality/predict`;
    const read = [];
    const given = [];
    const rows = [];
    for (let id = 1; id <= PATIENTS; id += 1) {
      const values = {
        patient_labs: { bili: 1 + (id % 13), albumin: 2 + (id % 17) / 10, protime: 10 + (id % 5), platelet: 90 + id },
        patient_trend: { visits_365d: id % 4, bili_change_365d: (id % 29) / 10 },
      };
      for (const [set, features] of Object.entries(values))
        await ask(`${daemon.url}/api/v1/online-features`, 'PUT', { feature_set: set, entity_id: id, features });
      const entities = { id };
      const answer = await ask(predict, 'POST', { entities });
      const [inputs] = answer.features;
      read.push(JSON.stringify({ entities }));
      given.push(JSON.stringify({ entities, inputs }));
      rows.push(JSON.stringify({ inputs: [Object.values(inputs)] }));
    }
    const model = join(project.folder, 'model.onnx');
    const versions = await ask(`${daemon.url}/api/v1/models?stage=production`, 'GET');
    const artifact = await fetch(`${daemon.url}/api/v1/models/${versions.items[0].id}/artifacts/model.onnx`);
    writeFileSync(model, Buffer.from(await artifact.arrayBuffer()));
    bare = spawn(process.execPath, [here('./bare-server.mjs'), model], { stdio: ['ignore', 'pipe', 'inherit'] });
    const bareUrl = await new Promise((resolve, reject) => {
      bare.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim()));
      bare.once('exit', (code) => reject(new Error(`the bare server ended with ${code}`)));
    });
    const ours = { url: predict, pid: daemon.pid, folder: project.folder };
    const targets = {
      bare: { url: bareUrl, bodies: rows, pid: bare.pid },
      'features given': { ...ours, bodies: given },
      'features from LMDB': { ...ours, bodies: read },
    };
    const rounds = Object.fromEntries(Object.keys(targets).map((name) => [name, { open: [], full: [] }]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, target] of Object.entries(targets)) {
        for (const [kind, options] of Object.entries({ open, full })) {
          const before = await logOf(daemon.url);
          const measured = await load(target, options);
          const logMs = target.folder === undefined ? 0 : await isLogged(daemon.url, before, measured.answers);
          rounds[name][kind].push({ ...measured, logMs });
        }
      }
    }
    const figures = Object.fromEntries(
      Object.entries(rounds).map(([name, kinds]) => [
        name,
        Object.fromEntries(
          Object.entries(kinds).map(([kind, found]) => [
            kind,
            Object.fromEntries(Object.keys(found[0]).map((key) => [key, median(found.map((one) => one[key]))])),
          ]),
        ),
      ]),
    );
    for (const [name, { open: paced, full: saturated }] of Object.entries(figures))
      console.log(
        `${name.padEnd(20)} at 1,000/s: p50 ${paced.p50.toFixed(2)}, p99 ${paced.p99.toFixed(2)} ms;   saturated ${saturated.perSecond.toFixed(0)}/s, p50 ${saturated.p50.toFixed(2)}, p99 ${saturated.p99.toFixed(2)} ms, CPU an answer ${saturated.cpu.toFixed(0)} µs${saturated.postgres > 0 ? `, of Postgres ${saturated.postgres.toFixed(0)} µs; all in the log ${saturated.logMs.toFixed(0)} ms after the last answer` : ''}`,
      );
    const { bare: least, ...asked } = figures;
    for (const [name, { open: paced, full: saturated }] of Object.entries(asked)) {
      const isLimited = name === 'features from LMDB';
      report(`${name}: bare's throughput by ours`, least.full.perSecond / saturated.perSecond, 'times', {
        ...(isLimited && { limit: Number((1 / LEAST_SHARE).toFixed(2)) }),
        beside: `${(saturated.perSecond / least.full.perSecond).toFixed(2)} of bare`,
      });
      report(`${name}: at 1,000/s, p99 above bare`, paced.p99 - least.open.p99, 'ms', {
        ...(isLimited && { limit: MOST_ABOVE_MS }),
      });
    }
  } finally {
    bare?.kill();
    await daemon.stop();
  }
} finally {
  project.remove();
}
