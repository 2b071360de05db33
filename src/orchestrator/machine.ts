/** This machine and its processes, as far as Node tells. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';
import type { Demand } from '../stores/control/runs.ts';

/**
 * The same text for two processes if and only if they can see (and kill) each other by number: host, boot, process namespace.
 * Two containers of one name on one control store are two machines.
 */
export function nodeName(): string {
  const parts = [hostname()];
  try {
    parts.push(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), readlinkSync('/proc/self/ns/pid'));
  } catch {
    // Not Linux: the host's name has to do.
  }
  return parts.join(' ');
}

/** What tasks may use where nothing else is configured. */
export function machineCapacity(): Demand {
  return { cpu: Math.min(availableParallelism(), cpuQuota()), memoryBytes: memoryLimit(), gpu: gpuCount() };
}

/** Cores that the control group of a container leaves it. */
function cpuQuota(): number {
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ');
    return quota === 'max' ? Number.POSITIVE_INFINITY : Number(quota) / Number(period) || Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** Those that this program may see. */
function gpuCount(): number {
  const visible = process.env['CUDA_VISIBLE_DEVICES'];
  if (visible !== undefined) return visible.split(',').filter((device) => device !== '' && device !== '-1').length;
  try {
    return readdirSync('/dev').filter((name) => /^nvidia\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}

/** Tells a process from a later one of the same number. Undefined where there is no such process. */
export function processStartedAt(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold anything; the fields after it are plain. A zombie (Z) runs no more.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}

/** Whether that very process still runs. */
export function isAlive(pid: number, startedAt: string): boolean {
  return processStartedAt(pid) === startedAt;
}

/** Signals every process of the group; false where there is none left. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}
