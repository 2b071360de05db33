// What the benches share: processes timed by the wall and by their own CPU, the private memory of a family of processes, a copy of the
// healthcare project, and lines of results beside what they are compared to.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bin = join(root, 'bin/mlops.js');
const TICKS_PER_SECOND = 100;

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** CPU seconds of the children that ended, theirs included; 0 where there is no /proc. */
function childCpuSeconds() {
  const fields = statFields('self');
  return fields === null ? 0 : (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

/** Fields of /proc/PID/stat after the name: [0] state, [1] parent, [11] and [12] own ticks, [13] and [14] those of ended children. */
function statFields(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Runs a command to its end. */
export function timed(command, args, options = {}) {
  const before = childCpuSeconds();
  const begun = performance.now();
  const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  const wallSeconds = (performance.now() - begun) / 1000;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return { wallSeconds, cpuSeconds: childCpuSeconds() - before };
}

/** Medians of several runs, after one that is not counted. */
export function timedOften(times, command, args, options) {
  timed(command, args, options);
  const runs = Array.from({ length: times }, () => timed(command, args, options));
  return {
    wallSeconds: median(runs.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(runs.map(({ cpuSeconds }) => cpuSeconds)),
  };
}

/** A daemon on a free port of `folder`, once it is ready. */
export function startDaemon(folder, flags = []) {
  const begun = performance.now();
  const child = spawn(process.execPath, [bin, 'daemon', '--port', '0', ...flags], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log += text;
      const url = /ready on (http:\S+)/.exec(log)?.[1];
      if (url === undefined) return;
      resolve({
        url,
        pid: child.pid,
        readySeconds: (performance.now() - begun) / 1000,
        cpuSeconds: cpuSecondsOf(child.pid),
        stop: async () => {
          child.kill('SIGTERM');
          await ended;
        },
      });
    });
    void ended.then((code) => reject(new Error(`the daemon ended with ${code}:\n${log}`)));
  });
}

export function cpuSecondsOf(pid) {
  const fields = statFields(pid);
  return fields === null ? Number.NaN : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds of the embedded Postgres of a project: the server and what it has forked that still runs. */
export function postgresCpuSeconds(folder) {
  const control = join(folder, '.mlops/postgres');
  const pointer = join(control, 'location');
  const home = existsSync(pointer) ? JSON.parse(readFileSync(pointer, 'utf8')).home : control;
  const server = readFileSync(join(home, 'data/postmaster.pid'), 'utf8').split('\n')[0];
  return readdirSync('/proc')
    .filter((id) => id === server || (/^\d+$/.test(id) && statFields(id)?.[1] === server))
    .reduce((sum, id) => sum + cpuSecondsOf(id), 0);
}

/** The processes of a project: those whose command line names its folder, `pid`, and all their descendants. */
export function familyOf(pid, folder) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parent = new Map(all.map((id) => [id, statFields(id)?.[1]]));
  const family = new Set(
    all.filter((id) => id === String(pid) || (commandOf(id).includes(folder) && id !== String(process.pid))),
  );
  for (let size = -1; size !== family.size; ) {
    size = family.size;
    for (const id of all) if (family.has(parent.get(id))) family.add(id);
  }
  return [...family];
}

const commandOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
};

/** Private memory in MB of each process, from smaps_rollup; null where the system has none. */
export function privateMemory(pids) {
  const found = [];
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      const kb = [...text.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
      found.push({ name: commandOf(pid).slice(0, 60), megabytes: kb / 1024 });
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return found.length === 0 ? null : found;
}

/** A fresh copy of the healthcare project. */
export function healthcareCopy() {
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
  cpSync(join(root, 'mlops.config.ts'), join(folder, 'mlops.config.ts'));
  mkdirSync(join(folder, 'examples/healthcare'), { recursive: true });
  cpSync(join(root, 'examples/healthcare/data'), join(folder, 'examples/healthcare/data'), { recursive: true });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/** One figure beside its limit, which counts, or what it is compared to, which does not. */
export function report(name, value, unit, { limit, cpu, beside } = {}) {
  const over = limit !== undefined && value > limit;
  if (over) process.exitCode = 1;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  console.log(
    [
      name.padEnd(34),
      `${value.toFixed(digits).padStart(8)} ${unit}`,
      cpu === undefined ? '' : `cpu ${cpu.toFixed(2)} s`,
      limit === undefined ? '' : `limit ${limit} ${unit}`,
      beside ?? '',
      over ? 'OVER THE LIMIT' : '',
    ]
      .filter(Boolean)
      .join('   '),
  );
}
