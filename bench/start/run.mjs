// How soon it is there, and how little it takes: `mlops --version` beside `node -e 0`, the daemon from a warm start, its memory when it
// idles, and the quickstart the first and the second time. Where the machine is busy the wall time is more than the work: look at the CPU time.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  bin,
  familyOf,
  healthcareCopy,
  median,
  privateMemory,
  report,
  root,
  startDaemon,
  timed,
  timedOften,
} from '../support/measure.mjs';

const IDLE_MS = 8_000;
const STARTS = 5;

function version() {
  const node = timedOften(15, process.execPath, ['-e', '0']);
  const ours = timedOften(15, process.execPath, [bin, '--version']);
  report('mlops --version', ours.wallSeconds * 1000, 'ms', { cpu: ours.cpuSeconds });
  report('node -e 0', node.wallSeconds * 1000, 'ms', { cpu: node.cpuSeconds });
  report('  one in the other', ours.wallSeconds / node.wallSeconds, 'x', { limit: 2 });
}

/** The whole checkout without what is built: `npm ci` from npm's cache, build, quickstart; once more. */
function fromNothing() {
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-install-'));
  try {
    const tracked = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
    if (tracked.status !== 0) {
      console.log('npm ci && npm run quickstart         not measured: this is no git checkout');
      return;
    }
    for (const file of tracked.stdout.split('\0').filter((name) => name !== '' && existsSync(join(root, name))))
      cpSync(join(root, file), join(folder, file));
    const options = { cwd: folder, env: { ...process.env, NO_COLOR: '1' }, shell: process.platform === 'win32' };
    const ci = timed('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], options);
    const first = timed('npm', ['run', 'quickstart'], options);
    const second = timed('npm', ['run', 'quickstart'], options);
    report('npm ci && npm run quickstart', ci.wallSeconds + first.wallSeconds, 's', {
      cpu: ci.cpuSeconds + first.cpuSeconds,
      limit: 90,
      beside: `npm ci ${ci.wallSeconds.toFixed(1)} s of it`,
    });
    report('npm run quickstart again', second.wallSeconds, 's', { cpu: second.cpuSeconds, limit: 15 });
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function daemon() {
  const project = healthcareCopy();
  const options = { cwd: project.folder };
  try {
    timed(process.execPath, [join(root, 'scripts/quickstart.mjs'), project.folder], options);
    const starts = [];
    for (let count = 0; count < STARTS; count += 1) {
      const started = await startDaemon(project.folder);
      starts.push(started);
      if (count === STARTS - 1) await memory(started, project.folder);
      await started.stop();
    }
    report('daemon ready, warm', median(starts.map(({ readySeconds }) => readySeconds)), 's', {
      cpu: median(starts.map(({ cpuSeconds }) => cpuSeconds)),
      limit: 1.5,
      beside: 'MLflow server 12 s, Feast 4.9 s',
    });
  } finally {
    project.remove();
  }
}

async function memory(started, folder) {
  if (process.platform !== 'linux') {
    console.log('daemon idle, private memory          not measured: only Linux tells');
    return;
  }
  // A prediction was asked for, so that what serves is loaded; the answer may be a refusal of stale features.
  const answer = await fetch(`${started.url}/api/v1/endpoints/mortality/predict`, {
    method: 'POST',
    body: JSON.stringify({ entities: { id: 5 } }),
  });
  await answer.arrayBuffer();
  await delay(IDLE_MS);
  const each = privateMemory(familyOf(started.pid, folder)) ?? [];
  report(
    'daemon idle, private memory',
    each.reduce((sum, { megabytes }) => sum + megabytes, 0),
    'MB',
    {
      limit: 250,
      beside: `${each.length} processes; MLflow server 2,900 MB, Feast 350 MB`,
    },
  );
  if (process.argv.includes('--verbose'))
    for (const { name, megabytes } of each) console.log(`  ${megabytes.toFixed(1).padStart(7)} MB  ${name}`);
}

version();
await daemon();
if (!process.argv.includes('--no-install')) fromNothing();
