// Packs the package and uses it as a stranger would: installed in an empty folder outside this repository, without any install
// script, then init, validate, plan, apply, types of the config, daemon, and a request to it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const work = mkdtempSync(join(tmpdir(), 'mlops stranger '));
const say = (text) => process.stderr.write(`${text}\n`);
const npm = (args, cwd) => execFileSync('npm', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });

function check(condition, message) {
  if (!condition) throw new Error(message);
  say(`  ok: ${message}`);
}

async function daemonAnswers(cwd) {
  const daemon = spawn(process.execPath, [join(cwd, 'node_modules/mlops/bin/mlops.js'), 'daemon', '--port', '0'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  try {
    const url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the daemon did not become ready:\n${log}`)), 60_000);
      daemon.stderr.setEncoding('utf8').on('data', (text) => {
        log += text;
        const match = /http:\/\/127\.0\.0\.1:\d+/.exec(log);
        if (match && /ready/.test(log)) {
          clearTimeout(timer);
          resolve(match[0]);
        }
      });
      daemon.once('exit', (code) => reject(new Error(`the daemon ended with ${code}:\n${log}`)));
    });
    const health = await fetch(`${url}/healthz`);
    check(health.status === 200, 'the daemon answers /healthz');
    const sets = await (await fetch(`${url}/api/v1/feature-sets`)).json();
    check(sets.items.length > 0, 'the daemon lists the applied feature sets');
  } finally {
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    if (daemon.exitCode === null && daemon.kill('SIGTERM')) await gone;
  }
}

try {
  say('packing');
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', work], root));
  const project = join(work, 'a project');
  execFileSync('mkdir', ['-p', project]);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  say('installing, no scripts');
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', join(work, filename)], project);
  const mlops = (...args) =>
    execFileSync('npx', ['--no-install', 'mlops', ...args], {
      cwd: project,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  const typeChecks = (file) => {
    const compilerOptions = {
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      module: 'nodenext',
      target: 'es2022',
      types: [],
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    return spawnSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' }).status === 0;
  };

  check(/^\d+\.\d+\.\d+/.test(mlops('--version').replace(/^\D*/, '')), 'npx mlops --version');
  mlops('init', '.');
  check(existsSync(join(project, 'mlops.config.ts')), 'npx mlops init wrote mlops.config.ts');
  mlops('validate');
  const plan = JSON.parse(mlops('plan', '--json'));
  check(
    plan.format === 'mlops.plan/1' && plan.changes.some((change) => change.actions.includes('create')),
    'npx mlops plan',
  );
  mlops('apply', '--yes');
  const again = JSON.parse(mlops('plan', '--json'));
  check(
    again.changes.every((change) => change.actions.join() === 'no-op'),
    'the plan after apply is empty',
  );
  check(typeChecks('mlops.config.ts'), "import … from 'mlops' type-checks");
  writeFileSync(
    join(project, 'wrong.ts'),
    "import { entity } from 'mlops';\nentity('patient', { keys: { id: 'int65' } });\n",
  );
  check(!typeChecks('wrong.ts'), 'a wrong key type is a type error');
  await daemonAnswers(project);
  check(!readdirSync(join(project, '.mlops')).includes('daemon.json'), 'the daemon left nothing behind');
} finally {
  rmSync(work, { recursive: true, force: true });
}
say("the package works in a stranger's project");
