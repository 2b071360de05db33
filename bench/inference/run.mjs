// The Open Inference Protocol beside the least that could answer it (node:http and onnxruntime-node, the same JSON), saturated, with a tiny model;
// and what batching gains at 64 connections, with a small network of three layers of 1024 and with the quickstart's gradient boosting, beside a
// daemon whose environment says `batching: { maxBatch: 1 }`. All take turns, and medians over the rounds are compared; load comes from another
// process over raw sockets. Arguments: seconds per measurement (4), --rounds=N (5).
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf, healthcareCopy, median, report, root, startDaemon, timed } from '../support/measure.mjs';
import { perceptronFile } from './perceptron.mjs';

const SECONDS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 4);
const ROUNDS = Number(/--rounds=(\d+)/.exec(process.argv.slice(2).join(' '))?.[1] ?? 5);
const LEAST_SHARE = 0.8;
const LEAST_GAIN = 2;
const BODIES = 64;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

async function ask(url, method, body) {
  const answer = await fetch(url, { method, ...(body !== undefined && { body }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function load({ url, bodies, pid }, connections) {
  const cpu = cpuSecondsOf(pid);
  const child = spawn(process.execPath, [here('../support/load.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ url, bodies, seconds: SECONDS, connections }));
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const measured = JSON.parse(text);
  return { ...measured, cpu: ((cpuSecondsOf(pid) - cpu) / measured.answers) * 1e6 };
}

async function register(url, name, content) {
  const version = await ask(
    `${url}/api/v1/models`,
    'POST',
    JSON.stringify({ name, framework: 'onnx', artifacts: ['model.onnx'] }),
  );
  await ask(`${url}/api/v1/models/${version.id}/artifacts/model.onnx`, 'PUT', content);
}

const bodiesOf = (name, width) =>
  Array.from({ length: BODIES }, (_, at) =>
    JSON.stringify({
      id: String(at),
      inputs: [
        {
          name,
          datatype: 'FP32',
          shape: [1, width],
          data: Array.from({ length: width }, (_value, column) => ((at * 7 + column * 3) % 20) / 10 - 1),
        },
      ],
    }),
  );

const tiny = perceptronFile([4]);
const network = perceptronFile([64, 1024, 1024, 1024]);
const files = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
const quickstart = healthcareCopy();
const alone = mkdtempSync(join(tmpdir(), 'mlops-bench-alone-'));
writeFileSync(
  join(alone, 'mlops.config.yaml'),
  'project: alone\nenvironments:\n  dev: { serving: { batching: { maxBatch: 1 } } }\n',
);
const ends = [];
try {
  timed(process.execPath, [join(root, 'scripts/quickstart.mjs'), quickstart.folder], { cwd: quickstart.folder });
  timed(process.execPath, [join(root, 'bin/mlops.js'), 'apply', '--yes'], { cwd: alone });
  const [together, single] = [await startDaemon(quickstart.folder), await startDaemon(alone)];
  ends.push(together.stop, single.stop);
  const trained = await ask(`${together.url}/api/v1/models?stage=production`, 'GET');
  const artifact = await fetch(`${together.url}/api/v1/models/${trained.items[0].id}/artifacts/model.onnx`);
  const boosted = Buffer.from(await artifact.arrayBuffer());
  for (const { url } of [together, single]) {
    await register(url, 'tiny', tiny);
    await register(url, 'network', network);
    await register(url, 'boosted', boosted);
  }
  writeFileSync(join(files, 'tiny.onnx'), tiny);
  const bare = spawn(process.execPath, [here('./bare-server.mjs'), join(files, 'tiny.onnx')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  ends.push(() => bare.kill());
  const bareUrl = await new Promise((resolve, reject) => {
    bare.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim()));
    bare.once('exit', (code) => reject(new Error(`the bare server ended with ${code}`)));
  });
  const inferOf = (daemon, model) => ({ url: `${daemon.url}/v2/models/${model}/infer`, pid: daemon.pid });
  const targets = {
    'tiny, bare': { url: `${bareUrl}/`, pid: bare.pid, bodies: bodiesOf('x', 4), connections: 16 },
    'tiny, ours': { ...inferOf(together, 'tiny'), bodies: bodiesOf('x', 4), connections: 16 },
    'network, one by one': { ...inferOf(single, 'network'), bodies: bodiesOf('x', 64), connections: 64 },
    'network, together': { ...inferOf(together, 'network'), bodies: bodiesOf('x', 64), connections: 64 },
    'boosting, one by one': { ...inferOf(single, 'boosted'), bodies: bodiesOf('features', 6), connections: 64 },
    'boosting, together': { ...inferOf(together, 'boosted'), bodies: bodiesOf('features', 6), connections: 64 },
  };
  const rounds = Object.fromEntries(Object.keys(targets).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, { connections, ...target }] of Object.entries(targets))
      rounds[name].push(await load(target, connections));
  const figures = Object.fromEntries(
    Object.entries(rounds).map(([name, found]) => [
      name,
      Object.fromEntries(Object.keys(found[0]).map((key) => [key, median(found.map((one) => one[key]))])),
    ]),
  );
  for (const [name, { perSecond, p50, p99, cpu }] of Object.entries(figures))
    console.log(
      `${name.padEnd(22)} ${perSecond.toFixed(0).padStart(6)}/s, p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} ms, CPU an answer ${cpu.toFixed(0)} µs`,
    );
  const [bareTiny, ourTiny] = [figures['tiny, bare'], figures['tiny, ours']];
  report("tiny model: bare's throughput by ours", bareTiny.perSecond / ourTiny.perSecond, 'times', {
    limit: 1 / LEAST_SHARE,
    beside: `${(ourTiny.perSecond / bareTiny.perSecond).toFixed(2)} of bare; by CPU ${(bareTiny.cpu / ourTiny.cpu).toFixed(2)}`,
  });
  for (const model of ['network', 'boosting']) {
    const [one, many] = [figures[`${model}, one by one`], figures[`${model}, together`]];
    report(`${model}: throughput one by one by together`, one.perSecond / many.perSecond, 'times', {
      ...(model === 'network' && { limit: 1 / LEAST_GAIN }),
      beside: `${(many.perSecond / one.perSecond).toFixed(2)} times together; by CPU ${(one.cpu / many.cpu).toFixed(2)}`,
    });
  }
} finally {
  for (const end of ends) await end();
  quickstart.remove();
  for (const folder of [files, alone]) rmSync(folder, { recursive: true, force: true });
}
