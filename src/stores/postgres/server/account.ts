/**
 * As whom the server runs. Postgres refuses to run as root; there it runs as the owner of the data that is there, else as
 * the owner of the project, else as `nobody`, else as an unprivileged account that this system knows.
 */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined: as the user who asks. `control` is the directory in the project that decides whose project it is. */
export function serverAccount(data: string, control: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statOf(data);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const known = knownAccounts().filter(({ uid, gid }) => isMapped('uid', uid) && isMapped('gid', gid));
  return (
    known.find(({ uid }) => uid === statOf(control)?.uid) ??
    known.find(({ name }) => name === 'nobody') ??
    known.at(-1) ?? { uid: 65534, gid: 65534 }
  );
}

/** Whether the account can come to `path` from the root of the file system, by the mode bits of the directories above it. */
export function canReach(account: Account | undefined, path: string): boolean {
  if (account === undefined) return true;
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (!may(account, directory, 0o1)) return false;
    if (directory === dirname(directory)) return true;
  }
}

/** `bits` as of one digit of a mode: 4 read, 2 write, 1 execute or traverse. False where nothing is there. */
export function may(account: Account | undefined, path: string, bits: number): boolean {
  const stats = statOf(path);
  if (stats === undefined) return false;
  if (account === undefined) return true;
  const shift = stats.uid === account.uid ? 6 : stats.gid === account.gid ? 3 : 0;
  return ((stats.mode >> shift) & bits) === bits;
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** Those that can be looked up by their number, which initdb does. Never root. */
function knownAccounts(): readonly (Account & { readonly name: string })[] {
  return read('/etc/passwd')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid >= 0);
}

/** Ranges of ids that exist here: in a container's user namespace not all do. */
function mappedRanges(kind: 'uid' | 'gid'): readonly { readonly first: number; readonly count: number }[] {
  const lines = read(`/proc/self/${kind}_map`).trim().split('\n').filter(Boolean);
  if (lines.length === 0) return [{ first: 0, count: 2 ** 32 - 1 }];
  return lines.map((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number);
    return { first: first ?? 0, count: count ?? 0 };
  });
}

function isMapped(kind: 'uid' | 'gid', id: number): boolean {
  return mappedRanges(kind).some(({ first, count }) => id >= first && id < first + count);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
