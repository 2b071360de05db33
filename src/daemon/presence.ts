/**
 * Which daemons of a project run on this machine: one small file each in `.mlops/daemons/`. A file counts only while its
 * process lives and was started when the file says, so that neither kill -9 nor a recycled process id deceives anybody.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROLES = ['scheduler', 'worker', 'api'] as const;
export type Role = (typeof ROLES)[number];

export interface Presence {
  readonly pid: number;
  readonly environment: string;
  readonly project: string;
  readonly roles: readonly Role[];
  readonly host: string;
  /** Empty until it listens. */
  readonly ports: readonly number[];
  readonly started_at: string;
  readonly version: string;
  /** Ticks since boot at which the process started, where the system tells; null elsewhere. */
  readonly process_start: string | null;
  readonly ready: boolean;
}

const folderOf = (root: string): string => join(root, '.mlops', 'daemons');
const fileOf = (root: string, { environment, pid }: Pick<Presence, 'environment' | 'pid'>): string =>
  join(folderOf(root), `${environment}.${pid}.json`);

/** Appears whole or not at all. */
export function announce(root: string, presence: Presence): void {
  mkdirSync(folderOf(root), { recursive: true });
  const file = fileOf(root, presence);
  writeFileSync(`${file}.tmp`, `${JSON.stringify(presence, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}

export function withdraw(root: string, presence: Pick<Presence, 'environment' | 'pid'>): void {
  rmSync(fileOf(root, presence), { force: true });
}

/** Those that live, oldest first. Files of the dead are removed. */
export function liveDaemons(root: string, environment?: string): readonly Presence[] {
  const found: Presence[] = [];
  for (const name of namesIn(folderOf(root))) {
    if (!name.endsWith('.json')) continue;
    const file = join(folderOf(root), name);
    const presence = read(file);
    if (presence === undefined) continue;
    if (!isAlive(presence)) rmSync(file, { force: true });
    else if (environment === undefined || presence.environment === environment) found.push(presence);
  }
  return found.sort((a, b) => a.started_at.localeCompare(b.started_at) || a.pid - b.pid);
}

export function isAlive({ pid, process_start }: Pick<Presence, 'pid' | 'process_start'>): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const start = processStart(pid);
  return start === null || process_start === null || start === process_start;
}

/** Field 22 of /proc/PID/stat; a zombie has ended. Null where there is no /proc. */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): Presence | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Presence;
  } catch {
    return undefined;
  }
}
