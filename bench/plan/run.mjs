// A project of 5,000 feature sets through the command line: plan (create), apply, plan (nothing to do). Wall time and peak
// memory of the whole process, beside the limits and beside Terraform: its published figures, or measured here with as many
// `terraform_data` resources where `terraform` is on PATH (that takes it ten minutes; --without-terraform leaves it out).
// Arguments: [SETS] [PATH OF bin/mlops.js]. Not measured: `terraform init`, and making the embedded Postgres of a new project.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const sets = Number(words[0] ?? 5000);
const bin = resolve(words[1] ?? fileURLToPath(new URL('../../bin/mlops.js', import.meta.url)));
const packageRoot = resolve(bin, '../..');
/** Limits and Terraform 1.11's figures are for 5,000 resources on two cores. */
const STEPS = [
  { name: 'plan, create', args: ['plan'], limitSeconds: 2, terraform: ['plan', '-input=false'], publishedSeconds: 8.2 },
  {
    name: 'apply',
    args: ['apply', '--yes'],
    limitSeconds: 12,
    terraform: ['apply', '-auto-approve', '-input=false'],
    publishedSeconds: 592,
  },
  {
    name: 'plan, nothing to do',
    args: ['plan', '--detailed-exitcode'],
    limitSeconds: 2,
    terraform: ['plan', '-input=false'],
    publishedSeconds: 19.4,
  },
];
const MEMORY_LIMIT_MB = 500;

/** Wall seconds and peak resident MB of one process, from /proc where there is one. */
function measure(command, args, cwd) {
  return new Promise((done, fail) => {
    const startedAt = performance.now();
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let peakMb = null;
    let errors = '';
    const look = () => {
      try {
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
        if (peak !== null) peakMb = Math.round(Number(peak[1]) / 1024);
      } catch {
        // It has ended, or this system has no /proc: then the memory stays unknown.
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
      else done({ seconds: (performance.now() - startedAt) / 1000, peakMb });
    });
  });
}

function mlopsProject(folder) {
  mkdirSync(join(folder, 'data'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageRoot, join(folder, 'node_modules', 'mlops'), 'dir');
  writeFileSync(join(folder, 'data', 'visits.csv'), 'id,event_time,a,b\n1,2026-01-01 00:00:00,1.5,2\n');
  writeFileSync(
    join(folder, 'mlops.config.ts'),
    `import { defineConfig, entity, featureSet, source } from 'mlops';
const visits = source('visits', { file: 'data/visits.csv' });
const patient = entity('patient', { keys: { id: 'int64' } });
const sets = Array.from({ length: ${sets} }, (_, index) =>
  featureSet(\`set_\${index}\`, {
    entity: patient, source: visits, eventTime: 'event_time', ttl: '400d', owner: 'bench',
    features: { a: { dtype: 'float64', expect: { min: 0 } }, b: { dtype: 'int64' }, ratio: { dtype: 'float64', expr: 'a / b' } },
  }),
);
export default defineConfig({ project: 'bench', resources: [visits, patient, ...sets] });
`,
  );
}

function terraformProject(folder) {
  const blocks = Array.from(
    { length: sets },
    (_, index) =>
      `resource "terraform_data" "set_${index}" {\n  input = { entity = "patient", ttl = "400d", index = ${index} }\n}`,
  );
  writeFileSync(join(folder, 'main.tf'), `${blocks.join('\n')}\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-plan-'));
let failed = false;
try {
  const [ours, theirs] = [join(folder, 'mlops'), join(folder, 'terraform')];
  mkdirSync(ours);
  mkdirSync(theirs);
  mlopsProject(ours);
  await measure(process.execPath, [bin, 'state', 'list'], ours);
  const hasTerraform =
    !process.argv.includes('--without-terraform') &&
    spawnSync('terraform', ['version'], { stdio: 'ignore' }).status === 0;
  if (hasTerraform) {
    terraformProject(theirs);
    await measure('terraform', ['init', '-input=false'], theirs);
  }
  console.log(`${sets} feature sets${hasTerraform ? '' : '; terraform: its published figures for 5,000 resources'}`);
  for (const step of STEPS) {
    const { seconds, peakMb } = await measure(process.execPath, [bin, ...step.args], ours);
    const terraform = hasTerraform
      ? (await measure('terraform', step.terraform, theirs)).seconds
      : step.publishedSeconds;
    const late = seconds > step.limitSeconds || (peakMb !== null && peakMb > MEMORY_LIMIT_MB);
    failed ||= late;
    console.log(
      [
        step.name.padEnd(20),
        `${seconds.toFixed(2).padStart(6)} s (limit ${step.limitSeconds} s)`,
        `${String(peakMb ?? '?').padStart(4)} MB (limit ${MEMORY_LIMIT_MB} MB)`,
        `terraform ${terraform.toFixed(1)} s, ${(terraform / seconds).toFixed(0)}x`,
        late ? 'OVER THE LIMIT' : '',
      ].join('   '),
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
process.exitCode = failed ? 1 : 0;
