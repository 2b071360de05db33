// The main job, from specs to a served prediction, on this repository's own project (mlops.config.ts): validate, plan, apply, run the
// pipeline, predict over HTTP. Run again it finds nothing to do. Everything goes through the command line and the HTTP interface.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(repository, 'bin/mlops.js');
// The folder of the project; the tests give a copy.
const root = process.argv[2] ?? repository;
const memoFile = join(root, '.mlops/quickstart.json');
const PATIENT = 5;
const begun = performance.now();

const bold = (text) => (process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[22m` : text);
const say = (text = '') => process.stdout.write(`${text}\n`);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const step = (title) => say(`\n${bold(`── ${title}`)}`);

/** Runs a command, showing what it writes; answers its standard output where that is asked for. */
function mlops(args, { capture = false } = {}) {
  const result = spawnSync(process.execPath, [bin, ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
    maxBuffer: 2 ** 28,
  });
  if (result.status !== 0) throw new Error(`mlops ${args.join(' ')} ended with ${result.status}`);
  return result.stdout;
}

async function request(url, method, path, body) {
  const answer = await fetch(`${url}${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** A daemon that runs already is used and left alone; else one of our own, on 8000 to 8002 or, where those are taken, on a free port. */
async function daemon() {
  const status = spawnSync(process.execPath, [bin, 'daemon', 'status', '--json'], { cwd: root, encoding: 'utf8' });
  const running =
    status.status === 0
      ? JSON.parse(status.stdout).daemons.find(({ ports, ready }) => ready && ports.length > 0)
      : undefined;
  if (running !== undefined) {
    say(`  the daemon ${running.pid} runs already`);
    return { url: `http://127.0.0.1:${running.ports[0]}`, stop: async () => {} };
  }
  return (await start([])) ?? (await start(['--port', '0'])) ?? fail('the daemon did not start');
}

function start(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, 'daemon', ...args], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    const ended = new Promise((done) => child.once('exit', done));
    const onOutput = (text) => {
      log += text;
      const url = /ready on (http:\S+)/.exec(log)?.[1];
      if (url === undefined) return;
      child.stderr.off('data', onOutput).resume();
      say(
        `  ${log
          .split('\n')
          .find((line) => line.includes('ready'))
          ?.replace(/^\S+ /, '')
          .replace(/ project=.*/, '')}`,
      );
      resolve({
        url,
        stop: async () => {
          child.kill('SIGTERM');
          await ended;
        },
      });
    };
    child.stderr.setEncoding('utf8').on('data', onOutput);
    void ended.then((code) => {
      if (!log.includes('ready on') && !log.includes('DM103')) process.stderr.write(log);
      if (code !== 0 && log.includes('DM103')) say('  ports 8000 to 8002 are taken: using a free one');
      resolve(undefined);
    });
  });
}

function fail(message) {
  throw new Error(message);
}

/** Server-sent events of a run, one object each. */
async function* eventsOf(url, runId) {
  const answer = await fetch(`${url}/api/v1/runs/${runId}/events`);
  let rest = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    rest += chunk;
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) yield JSON.parse(data.slice('data: '.length));
    }
  }
}

async function runPipeline(url, pipeline) {
  const { run_id: runId } = await request(url, 'POST', '/api/v1/runs', { pipeline });
  const startedAt = new Map();
  for await (const { task, status, at, error } of eventsOf(url, runId)) {
    if (task === null) continue;
    if (status === 'running') startedAt.set(task, Date.parse(at));
    if (['succeeded', 'failed', 'timed_out', 'crashed', 'retrying'].includes(status)) {
      const took = ((Date.parse(at) - (startedAt.get(task) ?? Date.parse(at))) / 1000).toFixed(1);
      say(
        `  ${status === 'succeeded' ? '✓' : '✗'} ${task.padEnd(12)} ${took.padStart(5)} s${error === null ? '' : `  ${error}`}`,
      );
    }
  }
  const run = await request(url, 'GET', `/api/v1/runs/${runId}`);
  if (run.status !== 'succeeded') fail(`the run ${runId} ${run.status}: mlops runs show ${runId}`);
  return run;
}

const dataDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'examples/healthcare/data/pbcseq.csv')))
    .digest('hex');
const readMemo = () => (existsSync(memoFile) ? JSON.parse(readFileSync(memoFile, 'utf8')) : {});

async function main() {
  step('mlops validate');
  mlops(['validate']);

  step('mlops plan');
  const plan = JSON.parse(mlops(['plan', '--json'], { capture: true }));
  const moving = plan.changes.filter(({ actions }) => actions.join() !== 'no-op');
  for (const { address, actions, reason } of moving)
    say(
      `  ${actions.join() === 'create' ? '+' : actions.join() === 'delete' ? '-' : '~'} ${address.padEnd(34)} ${reason}`,
    );
  say(
    moving.length === 0
      ? `  No changes: ${plan.changes.length} resources are as the specs say.`
      : `  ${moving.length} changes.`,
  );

  if (moving.length > 0) {
    step('mlops apply --yes');
    const applied = spawnSync(process.execPath, [bin, 'apply', '--yes', '--json'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    const events = applied.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    for (const event of events) if (event.type === 'step_done') say(`  ✓ ${event.address}`);
    if (applied.status !== 0) fail(`apply failed:\n${applied.stderr}`);
  }

  step('mlops daemon');
  const started = performance.now();
  const { url, stop } = await daemon();
  say(`  after ${seconds(started)}`);
  try {
    step('weekly_retraining');
    const production = (await request(url, 'GET', '/api/v1/models?name=pbc_mortality&stage=production')).items[0];
    const seen = { specs: plan.specDigest, data: dataDigest() };
    const memo = readMemo();
    if (production !== undefined && memo.specs === seen.specs && memo.data === seen.data) {
      say(`  nothing to do: version ${production.version} was trained from this pipeline and this data`);
    } else {
      await runPipeline(url, 'weekly_retraining');
      mkdirSync(dirname(memoFile), { recursive: true });
      writeFileSync(memoFile, `${JSON.stringify(seen)}\n`);
    }

    step('a prediction over HTTP');
    await report(url);
  } finally {
    await stop();
  }
}

/** The recorded visits end in 1988 and a laboratory value counts for 400 days: a patient who comes today is measured today. */
async function bringUpToDate(url) {
  const asked = { entities: { id: PATIENT }, feature_service: 'mortality_inputs' };
  const { rows } = await request(url, 'POST', '/api/v1/online-features', asked);
  const stale = Object.values(rows[0].status).some((status) => status === 'expired');
  if (!stale) return;
  say(`  the last recorded visit of patient ${PATIENT} is long ago: today's laboratory values are entered`);
  await request(url, 'PUT', '/api/v1/online-features', {
    feature_set: 'patient_labs',
    entity_id: PATIENT,
    features: { bili: 3.4, albumin: 2.9, protime: 11.6, platelet: 190 },
  });
  await request(url, 'PUT', '/api/v1/online-features', {
    feature_set: 'patient_trend',
    entity_id: PATIENT,
    features: { visits_365d: 2, bili_change_365d: 1.2 },
  });
}

async function report(url) {
  await bringUpToDate(url);
  const answer = await request(url, 'POST', '/api/v1/endpoints/mortality/predict', { entities: { id: PATIENT } });
  const sets = (await request(url, 'GET', '/api/v1/feature-sets')).items;
  const version = (await request(url, 'GET', '/api/v1/models?name=pbc_mortality&stage=production')).items[0];
  const [prediction] = answer.predictions;
  const [features] = answer.features;
  const { dataset } = version.lineage;
  const digits = (value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;

  say(`  POST /api/v1/endpoints/mortality/predict {"entities": {"id": ${PATIENT}}}`);
  for (const [name, value] of Object.entries(features)) say(`    ${name.padEnd(32)} ${digits(value)}`);
  say(
    `  → probability of death within a year ${bold(prediction.probability.toFixed(3))}, by ${answer.model.name} version ${answer.model.version} (${answer.variant})`,
  );

  step('what there is now');
  for (const set of sets)
    say(
      `  feature set ${set.name.padEnd(18)} version ${set.serving_version}, ${set.versions.at(-1).rows} rows, online`,
    );
  say(
    `  training set                  ${dataset.train_rows} rows to train, ${dataset.test_rows} of other patients to test, point in time`,
  );
  say(
    `  model pbc_mortality           version ${version.version} in production, measured ${bold(`AUC ${version.metrics.auc.toFixed(3)}`)} on the test rows`,
  );
  say('  endpoint mortality            serves it, and follows the next promotion by itself');

  step('go on');
  say('  npx mlops up                                        apply, then serve on http://127.0.0.1:8000');
  say('  npx mlops runs list                                 what ran');
  say('  npx mlops models show pbc_mortality                 metrics and lineage');
  say(`  npx mlops predict mortality --entity id=${PATIENT}           the same without a daemon`);
  say('  edit mlops.config.ts, then npx mlops plan           what your change would do');
}

try {
  await main();
  say(`\nDone in ${seconds(begun)}.`);
} catch (error) {
  process.stderr.write(`\nquickstart: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
