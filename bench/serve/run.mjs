// Predictions over HTTP beside the least that could answer them: node:http and onnxruntime-node with the same model and the same inputs,
// without reading features, checking, routing or logging. Informative: no limit. Argument: seconds per measurement.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf, healthcareCopy, root, startDaemon, timed } from '../support/measure.mjs';

const SECONDS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 5);
const CONNECTIONS = 16;
const BARE = fileURLToPath(new URL('./bare-server.mjs', import.meta.url));
const PATIENT = 5;
const VALUES = {
  patient_labs: { bili: 3.4, albumin: 2.9, protime: 11.6, platelet: 190 },
  patient_trend: { visits_365d: 2, bili_change_365d: 1.2 },
};

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

function ask(url, method, body) {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.once('end', () =>
        answer.statusCode < 300
          ? resolve(text)
          : reject(new Error(`${method} ${url} answered ${answer.statusCode}: ${text}`)),
      );
    });
    call.once('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** As many requests as 16 connections get answered in the time, and how long each took. */
async function load(url, body, pid) {
  const text = body;
  for (let count = 0; count < 3000; count += 1) await ask(url, 'POST', text);
  const latencies = [];
  const cpu = cpuSecondsOf(pid);
  const begun = performance.now();
  const until = begun + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < until) {
        const at = performance.now();
        await ask(url, 'POST', text);
        latencies.push(performance.now() - at);
      }
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / seconds,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
    cpuMicros: ((cpuSecondsOf(pid) - cpu) / latencies.length) * 1e6,
  };
}

function tell(name, { perSecond, p50, p99, cpuMicros }, beside = '') {
  console.log(
    [
      name.padEnd(34),
      `${perSecond.toFixed(0).padStart(6)} answers/s`,
      `p50 ${p50.toFixed(1)} ms`,
      `p99 ${p99.toFixed(1)} ms`,
      `server cpu ${cpuMicros.toFixed(0)} µs an answer`,
      beside,
    ].join('   '),
  );
}

const project = healthcareCopy();
try {
  timed(process.execPath, [join(root, 'scripts/quickstart.mjs'), project.folder], { cwd: project.folder });
  const daemon = await startDaemon(project.folder);
  let model;
  let ours;
  let direct;
  let inputs;
  try {
    for (const [set, features] of Object.entries(VALUES))
      await ask(`${daemon.url}/api/v1/online-features`, 'PUT', { feature_set: set, entity_id: PATIENT, features });
    const predict = `${daemon.url}/api/v1/endpoints/mortality/predict`;
    const answer = JSON.parse(await ask(predict, 'POST', { entities: { id: PATIENT } }));
    inputs = answer.features[0];
    ours = await load(predict, { entities: { id: PATIENT } }, daemon.pid);
    direct = await load(predict, { entities: { id: PATIENT }, inputs }, daemon.pid);
    const versions = JSON.parse(await ask(`${daemon.url}/api/v1/models?stage=production`, 'GET'));
    model = join(project.folder, 'model.onnx');
    const artifact = await fetch(`${daemon.url}/api/v1/models/${versions.items[0].id}/artifacts/model.onnx`);
    writeFileSync(model, Buffer.from(await artifact.arrayBuffer()));
  } finally {
    await daemon.stop();
  }
  const bare = spawn(process.execPath, [BARE, model], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve, reject) => {
    bare.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim()));
    bare.once('exit', (code) => reject(new Error(`the bare server ended with ${code}`)));
  });
  const least = await load(url, { inputs: [Object.values(inputs)] }, bare.pid);
  bare.kill();
  tell('node:http + onnxruntime-node, bare', least);
  tell('predict, features given', direct, `${(direct.perSecond / least.perSecond).toFixed(2)} of bare`);
  tell('predict, features read online', ours, `${(ours.perSecond / least.perSecond).toFixed(2)} of bare`);
} finally {
  agent.destroy();
  project.remove();
}
