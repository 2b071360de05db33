/**
 * Which process a file speaks of. A pid alone is not enough: it is used again after a crash. So a process is named by its
 * pid, its start time, and the place (boot and pid namespace) in which that pid means something.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque and stable for the life of the process; '0' where the system does not tell. */
  readonly start: string;
  /** Opaque: equal for processes that can see each other's pids. */
  readonly place: string;
}

const TEXT = /^(\d+)-([0-9a-z]+)-([0-9a-f]{8})$/;

/** Fit for a file name. */
export function formatIdentity(identity: ProcessIdentity): string {
  return `${identity.pid}-${identity.start}-${identity.place}`;
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [, pid, start, place] = TEXT.exec(text) ?? [];
  return pid === undefined || start === undefined || place === undefined
    ? undefined
    : { pid: Number(pid), start, place };
}

let own: Promise<ProcessIdentity> | undefined;

export function ownIdentity(): Promise<ProcessIdentity> {
  own ??= startOf(process.pid).then((start) => ({ pid: process.pid, start: start ?? '0', place: thisPlace() }));
  return own;
}

/** Undefined for a process of another place, of which nothing can be told from here. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean | undefined> {
  if (identity.place !== thisPlace()) return undefined;
  if (!pidExists(identity.pid)) return false;
  const start = await startOf(identity.pid);
  return start !== undefined && (start === identity.start || start === '0' || identity.start === '0');
}

/** Whether a process with that pid exists; one that only waits to be reaped does not count. */
export function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  const stat = linuxStat(pid);
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** The words with which a process was started, joined by spaces; undefined where the system does not tell. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
    return words?.replaceAll('\0', ' ').trimEnd();
  }
  if (process.platform === 'win32') return undefined;
  return run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

/** Elsewhere a start time costs a process of its own, and who waits asks often. */
const STARTS_KEPT_MS = 500;
const starts = new Map<number, { readonly at: number; readonly start: Promise<string | undefined> }>();

async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return linuxStat(pid)?.start;
  if (process.platform === 'win32') return '0';
  const now = performance.now();
  let known = starts.get(pid);
  if (known === undefined || now - known.at > STARTS_KEPT_MS) {
    const start = run('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { LC_ALL: 'C', TZ: 'UTC' } }).then(
      ({ stdout }) => Math.round(Date.parse(`${stdout.trim()} UTC`) / 1000).toString(36),
      () => undefined,
    );
    known = { at: now, start };
    starts.set(pid, known);
  }
  return known.start;
}

function linuxStat(pid: number): { readonly state: string; readonly start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', start: fields[19] ?? '0' };
  } catch {
    return undefined;
  }
}

let place: string | undefined;

function thisPlace(): string {
  if (place === undefined) {
    const parts: string[] = [hostname()];
    if (process.platform === 'linux') {
      try {
        parts[0] = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
        parts.push(readlinkSync('/proc/self/ns/pid'));
      } catch {
        // Without /proc details the host's name is what tells machines apart.
      }
    }
    place = createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 8);
  }
  return place;
}
