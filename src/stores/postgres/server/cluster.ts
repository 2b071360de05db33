/** Makes the database's files, once: in a directory beside, then one rename, so that a cut-off initdb leaves nothing half. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { newPassword, readPassword, USER, writePassword } from './credentials.ts';
import type { Location } from './location.ts';
import { formatIdentity, ownIdentity } from './process-identity.ts';
import { serverError } from './server-error.ts';

const HALF_MADE = /^data\.making-/;

/** Under the mutex. */
export async function ensureCluster(
  location: Location,
  binaries: Binaries,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (existsSync(join(location.data, 'PG_VERSION'))) return;
  const password = (await readPassword(location.credentials)) ?? newPassword();
  const making = join(location.home, `data.making-${formatIdentity(await ownIdentity())}`);
  const files = join(making, 'data');
  const passwordFile = join(making, 'password');
  await mkdir(files, { recursive: true });
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [making, files, passwordFile]) {
    if (location.account !== undefined) await chown(path, location.account.uid, location.account.gid);
  }
  await chmod(files, 0o700);
  try {
    await initdb(binaries, location.account, files, passwordFile, signal);
    await writePassword(location.credentials, password);
    await rename(files, location.data);
    await syncDirectory(location.home);
  } finally {
    await rm(making, { recursive: true, force: true }).catch(() => {});
  }
}

/** Under the mutex: what killed processes left half-made. */
export async function sweepHalfMade(location: Location): Promise<void> {
  for (const name of await readdir(location.home)) {
    // An initdb that outlived its process may still write in there; then the rest goes the next time.
    if (HALF_MADE.test(name)) await rm(join(location.home, name), { recursive: true, force: true }).catch(() => {});
  }
}

async function initdb(
  binaries: Binaries,
  account: Account | undefined,
  files: string,
  passwordFile: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const words = [
    `--pgdata=${files}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--wal-segsize=4',
    '--no-instructions',
  ];
  const child = spawn(binaries.initdb, words, {
    ...account,
    cwd: files,
    env: serverEnvironment(binaries),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', (cause) => reject(startProblem(binaries.initdb, account, cause)));
    child.once('close', (exit, killedBy) => resolve(exit ?? killedBy));
  });
  if (code === 0) return;
  const log = Buffer.concat(said).toString('utf8').split('\n').slice(-15).join('\n');
  // An arbitrary uid, as some container platforms give.
  const nameless = log.includes('could not look up effective user ID');
  throw serverError(`initdb ended with ${code}.`, {
    log,
    ...(nameless && {
      hint: 'Postgres needs a line for this user id in /etc/passwd; or set control.postgres of the environment to a server of your own',
    }),
  });
}

/** Nothing of the user's environment: a PGDATA or LANG there must not change what the server does. */
export function serverEnvironment(binaries: Binaries): Record<string, string> {
  const kept = ['PATH', 'SystemRoot', 'TEMP', 'TMP'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC', ...binaries.env };
}

export function startProblem(program: string, account: Account | undefined, cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException).code;
  if ((cause as Error).name === 'AbortError') return cause as Error;
  if (account !== undefined && (code === 'EPERM' || code === 'EINVAL')) {
    return serverError(
      `Postgres does not run as root, and this process may not start it as the account ${account.uid} (${code}).`,
      {
        hint: 'run mlops as a normal user, or set control.postgres of the environment to a Postgres server of your own',
        cause,
      },
    );
  }
  return serverError(`${program} cannot be started (${code ?? String(cause)}).`, { cause });
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
