/**
 * The one door to `pg`: a pool bound to one database and one scope of it, transactions with retries on serialization
 * failures, and LISTEN on a connection of its own that comes back by itself.
 */
import pg from 'pg';
import { MlopsError } from '../../lib/error.ts';

export interface Queryable {
  query<Row extends pg.QueryResultRow>(text: string, params?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Queryable {
  /**
   * A statement that is asked again and again: each connection parses and plans it once, under the name. It names its columns: a `*`
   * would fail once a migration has added one.
   */
  prepared<Row extends pg.QueryResultRow>(name: string, text: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Commits when `body` resolves, rolls back when it throws. Tried again up to 5 times on SQLSTATE 40001 and 40P01. */
  transaction<T>(body: (tx: Queryable) => Promise<T>, options?: { readonly readOnly?: boolean }): Promise<T>;
  /**
   * Calls `onNotify` for each NOTIFY on the channel, and once after each reconnect (what came in between is lost).
   * A hint only: poll behind it. Returns the function that ends it.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const RETRYABLE_SQLSTATES: ReadonlySet<string> = new Set(['40001', '40P01']);

// bigint as number where it is safe, else as string; numeric stays text; timestamps become Date in UTC.
pg.types.setTypeParser(20, (text) => {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
});

export interface DatabaseOptions {
  readonly connectionString: string;
  /** Largest number of connections. Default 10. */
  readonly max?: number;
  readonly applicationName?: string;
  /** A statement that takes longer fails, also where the server does not answer at all. Default: no limit. */
  readonly answersWithinMs?: number;
}

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'mlops',
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    ...(options.answersWithinMs !== undefined && {
      statement_timeout: options.answersWithinMs,
      query_timeout: options.answersWithinMs + 1_000,
    }),
  });
  // A connection that dies while idle is replaced on the next use; the query in flight reports the error itself.
  pool.on('error', () => {});
  // So is one that dies while it is taken and between two statements: the next statement reports it.
  pool.on('connect', (client) => client.on('error', () => {}));
  const listeners = new Set<() => Promise<void>>();

  async function rows<Row extends pg.QueryResultRow>(
    client: pg.Pool | pg.PoolClient,
    text: string,
    params: readonly unknown[],
    name?: string,
  ): Promise<Row[]> {
    try {
      const values = params as unknown[];
      return (await client.query<Row>(name === undefined ? { text, values } : { name, text, values })).rows;
    } catch (error) {
      throw serverProblem(error) ?? error;
    }
  }

  async function transaction<T>(
    body: (tx: Queryable) => Promise<T>,
    { readOnly = false }: { readonly readOnly?: boolean } = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const client = await pool.connect().catch((error: unknown) => {
        throw serverProblem(error) ?? error;
      });
      let broken = false;
      try {
        await client.query(readOnly ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN');
        const result = await body({ query: (text, params = []) => rows(client, text, params) });
        const { command } = await client.query('COMMIT');
        // Where the body caught the error of a statement and went on, the server has undone everything.
        if (command === 'ROLLBACK') throw new Error('a transaction went on after one of its statements had failed');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {
          broken = true;
        });
        if (attempt < 5 && RETRYABLE_SQLSTATES.has(sqlState(error) ?? '')) continue;
        throw serverProblem(error) ?? error;
      } finally {
        client.release(broken);
      }
    }
  }

  async function listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    let ended = false;
    let client: pg.Client | undefined;
    let retry: NodeJS.Timeout | undefined;
    const connect = async (first: boolean): Promise<void> => {
      const next = new pg.Client({
        connectionString: options.connectionString,
        application_name: `${options.applicationName ?? 'mlops'} listen`,
        connectionTimeoutMillis: 10_000,
      });
      const reconnect = (): void => {
        if (ended || client !== next) return;
        client = undefined;
        retry = setTimeout(() => void connect(false).catch(scheduleAgain), 500);
      };
      next.on('error', reconnect);
      next.on('end', reconnect);
      next.on('notification', (message) => onNotify(message.payload ?? ''));
      await next.connect();
      await next.query(`LISTEN ${quoteIdentifier(channel)}`);
      if (ended) {
        await next.end();
        return;
      }
      client = next;
      if (!first) onNotify('');
    };
    const scheduleAgain = (): void => {
      if (!ended) retry = setTimeout(() => void connect(false).catch(scheduleAgain), 1_000);
    };
    await connect(true).catch((error: unknown) => {
      throw serverProblem(error) ?? error;
    });
    const stop = async (): Promise<void> => {
      ended = true;
      listeners.delete(stop);
      clearTimeout(retry);
      await client?.end().catch(() => {});
    };
    listeners.add(stop);
    return stop;
  }

  return {
    query: (text, params = []) => rows(pool, text, params),
    prepared: (name, text, params = []) => rows(pool, text, params, name),
    transaction,
    listen,
    close: async () => {
      await Promise.all([...listeners].map((stop) => stop()));
      await pool.end();
    },
  };
}

/** Identifiers never reach SQL unquoted. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Of an error of the driver: what was told in our own codes already has none, though those look alike. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof MlopsError) return undefined;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** ST101 for errors of the connection itself, ST106 where the disk is full; undefined for errors of the statement. */
function serverProblem(error: unknown): MlopsError | undefined {
  if (error instanceof MlopsError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const state = sqlState(error);
  if (state === '53100')
    return new MlopsError('ST106', {
      detail: 'The disk of the Postgres server of the control store is full.',
      hint: 'make room on it; nothing that was recorded is lost',
      retryable: true,
      cause: error,
    });
  const message = error instanceof Error ? error.message : String(error);
  const lost =
    (typeof code === 'string' &&
      ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ENOENT', 'EPIPE', 'ETIMEDOUT'].includes(code)) ||
    (state !== undefined &&
      (state.startsWith('08') || state.startsWith('57P') || state === '28P01' || state === '3D000')) ||
    message === 'Connection terminated unexpectedly' ||
    message === 'Connection terminated due to connection timeout' ||
    message === 'timeout exceeded when trying to connect' ||
    message === 'Query read timeout' ||
    message === 'Client has encountered a connection error and is not queryable';
  if (!lost) return undefined;
  return new MlopsError('ST101', {
    detail: `The control store does not answer (${state ?? (typeof code === 'string' ? code : 'connection lost')}).`,
    hint: 'check that the Postgres server of this environment runs and that its address and credentials are right',
    retryable: true,
    cause: error,
  });
}
