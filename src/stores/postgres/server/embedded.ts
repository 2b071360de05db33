/**
 * The embedded Postgres of a project: started by whoever comes first, stopped by whoever leaves last, never stopped under
 * anybody. Each user is a lease file that names its process; a lease whose process is gone does not count, so kill -9
 * leaves nothing behind that the next comer does not clear away. Coming and leaving happen one at a time, under a mutex.
 *
 *     acquire: mutex { write lease; server ready? else make the cluster, start it }
 *     hold:    every second: lease touched; server gone? mutex { start it again, on the same port }
 *     release: mutex { remove lease; no live lease left? stop it }
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Binaries, findBinaries } from './binaries.ts';
import { ensureCluster } from './cluster.ts';
import { readPassword, USER } from './credentials.ts';
import { type Location, locate, prepare } from './location.ts';
import { withMutex } from './mutex.ts';
import { ensureReady, type Postmaster, stopPostmaster } from './postmaster.ts';
import { formatIdentity, isAlive, ownIdentity, parseIdentity, pidExists } from './process-identity.ts';
import { restorePassword } from './restore-password.ts';
import { serverError } from './server-error.ts';

export interface EmbeddedPostgres {
  /** Holds the password: never log it. */
  readonly connectionString: string;
  /** Whether this call started the server. */
  readonly started: boolean;
  /** The server's process, as of now. */
  readonly pid: number;
  /** Ends this use; stops the server where it was the last. May be called twice. */
  release(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** The project's `.mlops`. */
  readonly dir: string;
  readonly signal?: AbortSignal | undefined;
}

const WATCH_MS = 1_000;
/** A lease of a process that cannot be seen from here (another container) counts while it is touched. */
const UNSEEN_LEASE_MS = 10_000;
/** How long the last to leave waits for the server's end. */
const STOP_LIMIT_MS = 3_000;

/** Resolves when the server answers. ST103 where it cannot be made to. */
export async function acquireEmbeddedPostgres({ dir, signal }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { control, clients } = await prepare(dir);
  const lease = join(clients, `${formatIdentity(await ownIdentity())}.${randomBytes(4).toString('hex')}`);
  let server: Postmaster & { readonly started: boolean };
  let password: string;
  try {
    ({ server, password } = await withMutex(control, signal, async () => {
      await writeFile(lease, '', { mode: 0o644 });
      await refuseElsewhere(clients, signal);
      const location = await locate(dir);
      return {
        server: await running(location, undefined, signal),
        password: (await readPassword(location.credentials)) ?? '',
      };
    }));
  } catch (error) {
    await rm(lease, { force: true });
    throw error;
  }
  const started = server.started;

  let released: Promise<void> | undefined;
  let watching: Promise<void> | undefined;
  const watcher = setInterval(() => {
    watching ??= watch().finally(() => {
      watching = undefined;
    });
  }, WATCH_MS);
  watcher.unref();

  async function watch(): Promise<void> {
    try {
      const now = new Date();
      await utimes(lease, now, now);
      if (pidExists(server.pid)) return;
      await withMutex(control, undefined, async () => {
        if (released !== undefined || !existsSync(lease)) return;
        server = await running(await locate(dir), server.port, undefined);
      });
    } catch (error) {
      // A lease that is gone means that the project was removed: nothing to watch. Anything else is tried again in a
      // second, and until then every query says that the server does not answer.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') clearInterval(watcher);
    }
  }

  async function leave(): Promise<void> {
    clearInterval(watcher);
    await watching;
    if (!existsSync(control)) return;
    await withMutex(control, undefined, async () => {
      await rm(lease, { force: true });
      if (await anyLiveLease(clients)) return;
      const location = await locate(dir);
      await stopPostmaster(location.data, () => findBinaries(location.account, location.cache), STOP_LIMIT_MS);
    });
  }

  return {
    connectionString: `postgresql://${USER}:${encodeURIComponent(password)}@127.0.0.1:${server.port}/postgres`,
    started,
    get pid() {
      return server.pid;
    },
    release: () => {
      released ??= leave();
      return released;
    },
  };
}

/** Under the mutex. */
async function running(
  location: Location,
  port: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Postmaster & { readonly started: boolean }> {
  let found: Promise<Binaries> | undefined;
  const binaries = (): Promise<Binaries> => {
    found ??= findBinaries(location.account, location.cache);
    return found;
  };
  if (!existsSync(join(location.data, 'PG_VERSION'))) await ensureCluster(location, await binaries(), signal);
  else if ((await readPassword(location.credentials)) === undefined) await restorePassword(location, await binaries());
  return ensureReady(location, binaries, port, signal);
}

/**
 * A process in another container or on another machine that shares these files: its server cannot be reached from here,
 * nor seen, and a second one would damage the data. Its lease ends soon after it was killed.
 */
async function refuseElsewhere(clients: string, signal: AbortSignal | undefined): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const elsewhere = (await leases(clients)).filter(({ state }) => state === 'elsewhere');
    const ages = await Promise.all(elsewhere.map(({ file }) => ageMs(file)));
    const youngest = Math.min(...ages);
    if (youngest > UNSEEN_LEASE_MS) return;
    if (youngest < WATCH_MS && performance.now() - begun > UNSEEN_LEASE_MS) {
      throw serverError('The database is in use by a process in another container or on another machine.', {
        hint: 'stop it there, or set control.postgres of the environment to a Postgres server that both use',
      });
    }
    await delay(100, undefined, signal === undefined ? {} : { signal });
  }
}

/** Clears away the leases of processes that are gone. */
async function anyLiveLease(clients: string): Promise<boolean> {
  let live = false;
  for (const { file, state } of await leases(clients)) {
    if (state === 'live' || (state === 'elsewhere' && (await ageMs(file)) < UNSEEN_LEASE_MS)) live = true;
    else await rm(file, { force: true });
  }
  return live;
}

interface Lease {
  readonly file: string;
  readonly state: 'live' | 'dead' | 'elsewhere';
}

async function leases(clients: string): Promise<readonly Lease[]> {
  const names = await readdir(clients);
  return Promise.all(
    names.map(async (name) => {
      const identity = parseIdentity(name.slice(0, name.lastIndexOf('.')));
      const alive = identity === undefined ? false : await isAlive(identity);
      const state = alive === undefined ? 'elsewhere' : alive ? 'live' : 'dead';
      return { file: join(clients, name), state } as const;
    }),
  );
}

async function ageMs(file: string): Promise<number> {
  const stats = await stat(file).catch(() => undefined);
  return stats === undefined ? Number.POSITIVE_INFINITY : Date.now() - stats.mtimeMs;
}
