/**
 * One in-process DuckDB, opened when first used: in memory, with a limit beyond which it spills to disk. Jobs run one at a
 * time, so that the limit holds for the process and a job may set the number of threads. It keeps hundreds of megabytes of
 * what it once needed, so one that nobody uses is closed; the next use opens another.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { MlopsError } from '../../lib/error.ts';

export interface EngineOptions {
  /** Where intermediate rows spill; a folder of its own per process is made in it. */
  readonly tempDirectory: string;
  /** Of all that it takes. Default 1 GiB. */
  readonly memoryLimitBytes?: number;
  /** Default: the machine's cores, at most 8. */
  readonly threads?: number;
  /** How long nobody uses it before it is closed. Opening it again costs tens of milliseconds. Default 30,000. */
  readonly idleMs?: number;
}

/** The engine counts its buffers alone; what it takes beside them is about an eighth. */
const BUFFERS_SHARE = 7 / 8;

export interface Session {
  readonly connection: DuckDBConnection;
  run(sql: string, values?: readonly (string | number | bigint)[]): Promise<void>;
  rows<Row>(sql: string, values?: readonly (string | number | bigint)[]): Promise<Row[]>;
  /** Runs `body` with one thread: sums and written bytes do not depend on scheduling. */
  serially<T>(body: () => Promise<T>): Promise<T>;
}

export interface Engine {
  /** A folder of this process, for files on their way. */
  scratch(): Promise<string>;
  /** Alone in this process, on a connection of its own; `signal` interrupts the statement that runs. */
  job<T>(signal: AbortSignal | undefined, body: (session: Session) => Promise<T>): Promise<T>;
  /** A connection that outlives a job, until `disconnect`; used only inside {@link Engine.on}. */
  connect(): Promise<DuckDBConnection>;
  disconnect(connection: DuckDBConnection): void;
  on<T>(
    connection: DuckDBConnection,
    signal: AbortSignal | undefined,
    body: (session: Session) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

export function createEngine(options: EngineOptions): Engine {
  const threads = options.threads ?? Math.min(8, availableParallelism());
  const idleMs = options.idleMs ?? 30_000;
  let scratchFolder: Promise<string> | undefined;
  let opened: Promise<DuckDBInstance> | undefined;
  let connections = 0;
  let idle: NodeJS.Timeout | undefined;
  let tail: Promise<unknown> = Promise.resolve();
  let closed = false;

  async function makeScratch(): Promise<string> {
    const folder = join(options.tempDirectory, `${process.pid}@${hostname()}~${randomUUID()}`);
    await removeLeftovers(options.tempDirectory);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  async function open(): Promise<DuckDBInstance> {
    const folder = await scratch();
    const { DuckDBInstance } = await import('@duckdb/node-api');
    return DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${Math.ceil(((options.memoryLimitBytes ?? 2 ** 30) * BUFFERS_SHARE) / 2 ** 20)}MiB`,
      // Removed when the instance is closed: not shared with the next one.
      temp_directory: join(folder, `spill-${randomUUID()}`),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
  }

  function failedToOpen(cause: unknown): MlopsError {
    return new MlopsError('ST104', { detail: `DuckDB does not open: ${messageOf(cause)}`, cause });
  }

  /** Lasts as long as the engine: files on their way outlive an instance. */
  function scratch(): Promise<string> {
    if (closed) throw new MlopsError('ST104', { detail: 'The offline store is closed.' });
    scratchFolder ??= makeScratch().catch((cause: unknown) => {
      scratchFolder = undefined;
      throw failedToOpen(cause);
    });
    return scratchFolder;
  }

  function opening(): Promise<DuckDBInstance> {
    if (closed) throw new MlopsError('ST104', { detail: 'The offline store is closed.' });
    opened ??= open().catch((cause: unknown) => {
      opened = undefined;
      throw cause instanceof MlopsError ? cause : failedToOpen(cause);
    });
    return opened;
  }

  async function connect(): Promise<DuckDBConnection> {
    clearTimeout(idle);
    connections += 1;
    try {
      const connection = await (await opening()).connect();
      await connection.run("set TimeZone = 'UTC'");
      return connection;
    } catch (error) {
      left();
      throw error;
    }
  }

  function disconnect(connection: DuckDBConnection): void {
    connection.closeSync();
    left();
  }

  function left(): void {
    connections -= 1;
    if (connections > 0 || closed) return;
    clearTimeout(idle);
    idle = setTimeout(() => void closeInstance(), idleMs);
    idle.unref();
  }

  async function closeInstance(): Promise<void> {
    const last = opened;
    opened = undefined;
    // One that did not open has told its user.
    (await last?.catch(() => undefined))?.closeSync();
  }

  function exclusively<T>(body: () => Promise<T>): Promise<T> {
    const turn = tail.then(body, body);
    tail = turn.catch(() => {});
    return turn;
  }

  function on<T>(
    connection: DuckDBConnection,
    signal: AbortSignal | undefined,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    return exclusively(async () => {
      signal?.throwIfAborted();
      const interrupt = (): void => connection.interrupt();
      signal?.addEventListener('abort', interrupt, { once: true });
      try {
        return await body(sessionOf(connection, threads, signal));
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      } finally {
        signal?.removeEventListener('abort', interrupt);
      }
    });
  }

  return {
    scratch: async () => scratch(),
    connect,
    disconnect,
    on,
    job: async (signal, body) => {
      const connection = await connect();
      try {
        return await on(connection, signal, body);
      } finally {
        disconnect(connection);
      }
    },
    close: async () => {
      closed = true;
      clearTimeout(idle);
      await tail;
      await closeInstance();
      const folder = await scratchFolder?.catch(() => undefined);
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An interrupt ends the statement that runs; between two statements the signal is looked at. */
function sessionOf(connection: DuckDBConnection, threads: number, signal: AbortSignal | undefined): Session {
  return {
    connection,
    run: async (sql, values) => {
      signal?.throwIfAborted();
      await connection.run(sql, values === undefined ? undefined : [...values]);
    },
    rows: async <Row>(sql: string, values?: readonly (string | number | bigint)[]) => {
      signal?.throwIfAborted();
      const reader = await connection.runAndReadAll(sql, values === undefined ? undefined : [...values]);
      return reader.getRowObjectsJS() as Row[];
    },
    serially: async (body) => {
      await connection.run('set threads = 1');
      try {
        return await body();
      } finally {
        await connection.run(`set threads = ${threads}`);
      }
    },
  };
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}

/** Folders of processes that no longer live. */
async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    // Another machine that shares the folder has processes of its own.
    const [, pid, host] = /^(\d+)@(.*)~[^~]*$/.exec(name) ?? [];
    if (host === hostname() && Number(pid) !== process.pid && !isAlive(Number(pid))) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
