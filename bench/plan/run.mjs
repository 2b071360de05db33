// mlops and Terraform on equal projects (project.mjs), in one run: plan that creates, apply, plan with nothing to do. Wall time, CPU time and peak memory
// of the whole process. Then mlops alone up to 50,000 resources: time may grow no faster than n log n, memory stays under 1 GB.
// Where `terraform` is not on PATH, and with --without-terraform, its published figures for 5,000 stand in; --without-scaling leaves the second part out.
// Not measured: `terraform init`, and making the embedded Postgres of a new project. Terraform's apply of 5,000 takes ten minutes.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeMlopsProject, writeTerraformProject } from './project.mjs';

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const bin = resolve(words[0] ?? fileURLToPath(new URL('../../bin/mlops.js', import.meta.url)));
const packageRoot = resolve(bin, '../..');
const asked = (flag) => process.argv.includes(flag);

const TERRAFORM_SIZES = [1000, 5000];
const SCALING_SIZES = [1000, 5000, 20_000, 50_000];
/** Limits, floors and Terraform 1.11's published figures are for 5,000 resources on two cores. */
const LIMITED = 5000;
const STEPS = [
  {
    name: 'plan, create',
    args: ['plan'],
    limitSeconds: 2,
    floor: 5,
    terraform: ['plan', '-input=false'],
    published: 8.2,
  },
  {
    name: 'apply',
    args: ['apply', '--yes'],
    limitSeconds: 12,
    floor: 50,
    terraform: ['apply', '-auto-approve', '-input=false'],
    published: 592,
  },
  {
    name: 'plan, nothing to do',
    args: ['plan', '--detailed-exitcode'],
    limitSeconds: 2,
    floor: 10,
    terraform: ['plan', '-input=false'],
    published: 19.4,
  },
];
const MEMORY_LIMIT_MB = { 5000: 500, 50000: 1000 };
/** Of time over n log n, in logarithms: 1 is n log n itself; the rest is what a machine with other work adds. */
const EXPONENT_LIMIT = 1.15;

let failed = false;

/** Wall and CPU seconds and peak resident MB of one process, from /proc where there is one. */
function measure(command, args, cwd) {
  return new Promise((done, fail) => {
    const startedAt = performance.now();
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let peakMb = null;
    let cpuSeconds = null;
    let errors = '';
    const look = () => {
      try {
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
        if (peak !== null) peakMb = Math.round(Number(peak[1]) / 1024);
        const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        cpuSeconds = (Number(fields[11]) + Number(fields[12])) / 100;
      } catch {
        // It has ended, or this system has no /proc: then they stay unknown.
      }
    };
    const timer = setInterval(look, 10);
    child.stderr.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(-4000);
    });
    child.on('error', fail);
    child.on('close', (code) => {
      clearInterval(timer);
      if (code !== 0) fail(new Error(`${command} ${args.join(' ')} exited with ${code}:\n${errors}`));
      else done({ seconds: (performance.now() - startedAt) / 1000, cpuSeconds, peakMb });
    });
  });
}

async function inFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-plan-'));
  chmodSync(folder, 0o711);
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Every step on a new project of `count` resources. */
function ours(count) {
  return inFolder(async (folder) => {
    writeMlopsProject(folder, count, { packageRoot });
    await measure(process.execPath, [bin, 'state', 'list'], folder);
    const results = [];
    for (const { args } of STEPS) results.push(await measure(process.execPath, [bin, ...args], folder));
    return results;
  });
}

function theirs(count) {
  return inFolder(async (folder) => {
    mkdirSync(folder, { recursive: true });
    writeTerraformProject(folder, count);
    await measure('terraform', ['init', '-input=false'], folder);
    const results = [];
    for (const { terraform } of STEPS) results.push(await measure('terraform', terraform, folder));
    return results;
  });
}

/** Least squares of log(seconds) over log(n log n). */
function exponentOf(points) {
  const logs = points.map(({ count, seconds }) => [Math.log(count * Math.log(count)), Math.log(seconds)]);
  const mean = (index) => logs.reduce((sum, point) => sum + point[index], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const above = logs.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return above / logs.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

const digits = (value) => value.toFixed(value < 10 ? 2 : 1);

function line(name, count, { seconds, cpuSeconds, peakMb }, more, wrong) {
  failed ||= wrong.length > 0;
  console.log(
    [
      name.padEnd(20),
      `${String(count).padStart(6)} resources`,
      `${digits(seconds).padStart(6)} s`,
      `cpu ${cpuSeconds === null ? '?' : digits(cpuSeconds)} s`.padEnd(11),
      `${String(peakMb ?? '?').padStart(4)} MB`,
      ...more,
      ...wrong,
    ].join('   '),
  );
}

const hasTerraform =
  !asked('--without-terraform') && spawnSync('terraform', ['version'], { stdio: 'ignore' }).status === 0;
console.log(hasTerraform ? 'terraform: measured in this run' : 'terraform: its published figures for 5,000 resources');
const measured = new Map();
for (const count of hasTerraform ? TERRAFORM_SIZES : [LIMITED]) {
  const mine = await ours(count);
  measured.set(count, mine);
  const other = hasTerraform
    ? await theirs(count)
    : STEPS.map(({ published }) => ({ seconds: published, peakMb: null }));
  for (const [index, step] of STEPS.entries()) {
    const ratio = other[index].seconds / mine[index].seconds;
    const limited = count === LIMITED;
    const wrong = [
      ...(limited && mine[index].seconds > step.limitSeconds ? ['OVER THE LIMIT'] : []),
      ...(limited && mine[index].peakMb > MEMORY_LIMIT_MB[LIMITED] ? ['TOO MUCH MEMORY'] : []),
      ...(limited && ratio < step.floor ? ['UNDER THE FLOOR'] : []),
    ];
    const limits = limited ? [`limit ${step.limitSeconds} s, ${MEMORY_LIMIT_MB[LIMITED]} MB`] : [];
    const theirMb = other[index].peakMb === null ? '' : `, ${other[index].peakMb} MB`;
    const floor = limited ? ` (floor ${step.floor}x)` : '';
    const beside = `terraform ${digits(other[index].seconds)} s${theirMb}: ${ratio.toFixed(1)}x${floor}`;
    line(step.name, count, mine[index], [...limits, beside], wrong);
  }
}

if (!asked('--without-scaling')) {
  console.log('\nmlops alone');
  for (const count of SCALING_SIZES) {
    if (!measured.has(count)) measured.set(count, await ours(count));
    const limit = MEMORY_LIMIT_MB[count];
    for (const [index, step] of STEPS.entries()) {
      const result = measured.get(count)[index];
      const wrong = limit !== undefined && result.peakMb > limit ? ['TOO MUCH MEMORY'] : [];
      line(step.name, count, result, limit === undefined ? [] : [`limit ${limit} MB`], wrong);
    }
  }
  // What every process costs, however small the project, would flatter the growth: the smallest size is left out.
  const sizes = SCALING_SIZES.filter((count) => count >= LIMITED);
  for (const [index, step] of STEPS.entries()) {
    const wall = exponentOf(sizes.map((count) => ({ count, seconds: measured.get(count)[index].seconds })));
    const cpu = exponentOf(
      sizes.map((count) => ({ count, seconds: measured.get(count)[index].cpuSeconds ?? Number.NaN })),
    );
    const wrong = wall > EXPONENT_LIMIT;
    failed ||= wrong;
    console.log(
      `${step.name.padEnd(20)}   time grows as (n log n)^${wall.toFixed(2)}, cpu ^${cpu.toFixed(2)} (limit ${EXPONENT_LIMIT})${wrong ? '   TOO FAST' : ''}`,
    );
  }
}
process.exitCode = failed ? 1 : 0;
