// How long the command line and the daemon take to start, and what the daemon holds when idle: beside `node -e 0` and the limits of the
// project. Needs Linux for the memory.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const bin = join(root, 'bin/mlops.js');
const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
// Passable for the account that Postgres runs as when root benches: the cluster then lies inside, where it is found.
chmodSync(folder, 0o755);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function timed(args, cwd = root) {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - start;
}

/** Private memory of a process and everything below it, MB. */
function privateMemory(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const tree = [pid];
  for (let next = 0; next < tree.length; next += 1) tree.push(...(children.get(tree[next]) ?? []));
  const kilobytes = tree.flatMap((each) => [
    ...readFileSync(`/proc/${each}/smaps_rollup`, 'utf8').matchAll(/^Private_\w+:\s+(\d+) kB/gm),
  ]);
  return kilobytes.reduce((sum, [, size]) => sum + Number(size), 0) / 1024;
}

async function startDaemon() {
  const start = performance.now();
  const child = spawn(process.execPath, [bin, 'daemon', '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log += text;
      if (log.includes('ready on')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the daemon ended with ${code}:\n${log}`)));
  });
  return { child, ms: performance.now() - start };
}

function embeddedPostgresPid() {
  const [pid] = readFileSync(join(folder, '.mlops/postgres/data/postmaster.pid'), 'utf8').split('\n');
  return Number(pid);
}

try {
  const nothing = [];
  const version = [];
  for (let round = 0; round < 15; round += 1) {
    nothing.push(timed(['-e', '0']));
    version.push(timed([bin, '--version']));
  }
  const ratio = median(version) / median(nothing);
  console.log(
    `mlops --version       ${median(version).toFixed(0)} ms, node -e 0 ${median(nothing).toFixed(0)} ms: ${ratio.toFixed(2)} times (limit 2)`,
  );

  mkdirSync(join(folder, 'examples/healthcare'), { recursive: true });
  cpSync(join(root, 'mlops.config.ts'), join(folder, 'mlops.config.ts'));
  cpSync(join(root, 'examples/healthcare/data'), join(folder, 'examples/healthcare/data'), { recursive: true });
  timed([bin, 'apply', '--yes'], folder);
  const starts = [];
  let memory;
  for (let round = 0; round < 5; round += 1) {
    const { child, ms } = await startDaemon();
    starts.push(ms);
    if (round === 4 && process.platform === 'linux') {
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      memory = { own: privateMemory(child.pid), postgres: privateMemory(embeddedPostgresPid()) };
    }
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  console.log(
    `daemon ready          ${median(starts).toFixed(0)} ms from a stop, its Postgres included (limit 1500; MLflow's server 12,000, Feast's 4,900)`,
  );
  if (memory !== undefined) {
    console.log(
      `daemon idle           ${(memory.own + memory.postgres).toFixed(0)} MB private: ${memory.own.toFixed(0)} Node, ${memory.postgres.toFixed(0)} Postgres (limit 250; MLflow 2,900, Feast 350)`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
