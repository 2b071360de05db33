/**
 * The server process, as its own file `postmaster.pid` tells of it: pid, port and status (starting, ready, stopping). The
 * server writes it before anything else and removes it last, so it is right also where the process that started the
 * server was killed. What it cannot tell is whether that pid is still that server; the process's words tell.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, statSync, truncateSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import { serverEnvironment, startProblem, sweepHalfMade } from './cluster.ts';
import { giveTo } from './give.ts';
import type { Location } from './location.ts';
import { commandOf, pidExists } from './process-identity.ts';
import { logTail, serverError } from './server-error.ts';
import { SERVER_SETTINGS } from './settings.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly status: 'starting' | 'ready' | 'stopping';
}

const POLL_MS = 4;
/** Crash recovery after a long outage replays the log; only a server that does nothing at all is given up. */
const START_LIMIT_MS = 120_000;
/** How long a new server waits for the last processes of a killed one. */
const LEFTOVERS_LIMIT_MS = 15_000;
const MAX_LOG_BYTES = 4 * 1024 * 1024;
/** No process has this pid, on any system. */
const NO_PID = 2_147_483_647;

/** The server that runs on these data, if one does. */
export async function findPostmaster(data: string): Promise<Postmaster | undefined> {
  const written = await readPidFile(data);
  return written !== undefined && (await isPostmaster(written.pid, data)) ? written : undefined;
}

/** What the file says, true or not. */
async function readPidFile(data: string): Promise<Postmaster | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  const status = lines[7]?.trim();
  if (!(pid > 0)) return undefined;
  return {
    pid,
    port: Number(lines[3] ?? 0),
    status: status === 'ready' ? 'ready' : status === 'stopping' ? 'stopping' : 'starting',
  };
}

async function isPostmaster(pid: number, data: string): Promise<boolean> {
  if (!pidExists(pid)) return false;
  const command = await commandOf(pid);
  return command === undefined ? process.platform === 'win32' : command.includes(data);
}

/** Under the mutex: a server that is ready, found or started. `started` tells which. */
export async function ensureReady(
  location: Location,
  binaries: () => Promise<Binaries>,
  preferredPort: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Postmaster & { readonly started: boolean }> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const found = await findPostmaster(location.data);
    if (found?.status === 'ready') return { ...found, started: false };
    if (found === undefined) break;
    if (Date.now() > deadline)
      throw serverError(`The server (process ${found.pid}) has been ${found.status} for too long.`);
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  const programs = await binaries();
  await sweepHalfMade(location);
  await disownForeignPid(location.data);
  // Who still holds a connection string of a server that was killed finds the next one in its place.
  const firstPort = preferredPort ?? (await lastPort(location.data)) ?? (await freePort());
  const leftoversUntil = Date.now() + LEFTOVERS_LIMIT_MS;
  for (let port = firstPort, attempt = 1; ; attempt += 1) {
    const outcome = await start(location, programs, port, signal);
    switch (outcome.kind) {
      case 'ready':
        return { ...outcome.postmaster, started: true };
      case 'port taken':
        if (attempt >= 10)
          throw serverError(`No free port on 127.0.0.1 was found, the last tried was ${port}.`, { log: outcome.log });
        port = await freePort();
        continue;
      case 'data in use':
        if (Date.now() > leftoversUntil)
          throw serverError('The database is in use by another server.', { log: outcome.log });
        await delay(50, undefined, signal === undefined ? {} : { signal });
        continue;
      case 'failed':
        throw serverError(`The server in ${location.data} ended at its start (${outcome.exit}).`, { log: outcome.log });
    }
  }
}

type StartOutcome =
  | { readonly kind: 'ready'; readonly postmaster: Postmaster }
  | { readonly kind: 'port taken'; readonly log: string }
  | { readonly kind: 'data in use'; readonly log: string }
  | { readonly kind: 'failed'; readonly log: string; readonly exit: string };

async function start(
  location: Location,
  binaries: Binaries,
  port: number,
  signal: AbortSignal | undefined,
): Promise<StartOutcome> {
  const from = startLog(location.log);
  const log = openSync(location.log, 'a', 0o600);
  await giveTo(statSync(dirname(location.log)), location.log);
  const settings = Object.entries({ ...SERVER_SETTINGS, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  let pid: number | undefined;
  let exit: string | undefined;
  let problem: Error | undefined;
  try {
    const child = spawn(binaries.postgres, ['-D', location.data, ...settings], {
      ...location.account,
      cwd: location.data,
      env: serverEnvironment(binaries),
      // A session of its own: Ctrl-C in the terminal does not reach it.
      detached: true,
      stdio: ['ignore', log, log],
      windowsHide: true,
    });
    child.once('error', (cause) => {
      problem = startProblem(binaries.postgres, location.account, cause);
    });
    child.once('exit', (code, killedBy) => {
      exit = `exit ${code ?? killedBy}`;
    });
    pid = child.pid;
    child.unref();
  } finally {
    closeSync(log);
  }
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
    if (problem !== undefined) throw problem;
    if (exit !== undefined) {
      const said = await logTail(location.log, from);
      // The server's messages are in English: it is started with the C locale.
      if (/could not create any TCP\/IP sockets|could not bind/.test(said)) return { kind: 'port taken', log: said };
      if (/pre-existing shared memory|lock file "postmaster.pid"/.test(said)) return { kind: 'data in use', log: said };
      return { kind: 'failed', log: said, exit };
    }
    const found = await readPidFile(location.data);
    if (found?.status === 'ready' && found.pid === pid) return { kind: 'ready', postmaster: found };
    if (Date.now() > deadline) {
      throw serverError('The server does not become ready.', { log: await logTail(location.log, from) });
    }
  }
}

/**
 * Fast shutdown: sessions end, what is committed is written out. Resolves when the server is gone, or after `limitMs`
 * while it still writes: whoever comes next waits for it.
 */
export async function stopPostmaster(data: string, binaries: () => Promise<Binaries>, limitMs: number): Promise<void> {
  const found = await findPostmaster(data);
  if (found === undefined) return;
  if (process.platform === 'win32') {
    const { pgCtl, env } = await binaries();
    const child = spawn(pgCtl, ['stop', '-D', data, '-m', 'fast', '-W'], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  } else {
    signalPostmaster(found.pid, 'SIGINT');
  }
  const deadline = Date.now() + limitMs;
  while (pidExists(found.pid) && Date.now() < deadline) await delay(POLL_MS);
}

function signalPostmaster(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * After a crash the pid in `postmaster.pid` may be another program's by now, and Postgres would refuse to start. Only the
 * pid is made harmless: the rest of the file is how Postgres recognises a killed server's processes that still run.
 */
async function disownForeignPid(data: string): Promise<void> {
  const written = await readPidFile(data);
  if (written === undefined || !pidExists(written.pid)) return;
  const file = join(data, 'postmaster.pid');
  const rest = (await readFile(file, 'utf8')).split('\n').slice(1).join('\n');
  // In place: the file stays the server account's.
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(0);
    await handle.write(`${NO_PID}\n${rest}`, 0);
  } finally {
    await handle.close();
  }
}

/** The port of a server that was killed: a proper end removes the file. */
async function lastPort(data: string): Promise<number | undefined> {
  const port = (await readPidFile(data))?.port ?? 0;
  return port > 0 && port < 65_536 ? port : undefined;
}

/** The position from which this start's messages begin. A log that grew large starts anew. */
function startLog(file: string): number {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes <= MAX_LOG_BYTES) return bytes;
  truncateSync(file, 0);
  return 0;
}

/** Free a moment ago: the server's own bind decides. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
