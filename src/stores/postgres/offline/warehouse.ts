/**
 * Connections to the server that holds the offline store: one a job, so that temporary tables and settings never meet. Each
 * speaks UTC and reads the store's schema; an abort cancels the statement on the server.
 */
import { createReadStream } from 'node:fs';
import pg from 'pg';
import { MlopsError } from '../../../lib/error.ts';
import { quoteIdentifier, sqlState } from '../database.ts';
import { copyIn, copyOut } from './copy.ts';
import { warehouseProblem } from './problems.ts';

export interface WarehouseOptions {
  /** Holds a password: never log it. */
  readonly connectionString: string;
  /** The schema of the project and environment. Default: none, names are found as the server finds them. */
  readonly schema?: string;
  /** Jobs at once; others wait. Default 8. */
  readonly atOnce?: number;
  /** A statement that takes longer fails, also where the server does not answer at all. Default: no limit. */
  readonly answersWithinMs?: number;
}

export interface Session {
  query<Row extends pg.QueryResultRow>(text: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Several statements at once, without answers. */
  run(text: string): Promise<void>;
  /** The columns of a query: names and the server's numbers of their types. Reads no rows. */
  fields(select: string): Promise<readonly pg.FieldDef[]>;
  /** Commits when `body` resolves. One snapshot where `repeatable`. */
  transaction<T>(body: () => Promise<T>, how?: 'repeatable' | 'read only'): Promise<T>;
  /** The rows of a query as CSV text: null is an empty field, every other one is as the server writes it. */
  copyOut(select: string, sink: (chunk: Buffer) => Promise<void>): Promise<void>;
  /** Appends the rows of a CSV file to `target`, a table with its columns. */
  copyIn(target: string, path: string): Promise<number>;
}

/** A session that lives until it is closed: its temporary tables too. */
export interface HeldSession {
  /** `signal` ends the statement in hand. */
  on<T>(signal: AbortSignal | undefined, body: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface Warehouse {
  /** The quoted schema. */
  readonly schema: string;
  readonly schemaName: string;
  job<T>(signal: AbortSignal | undefined, body: (session: Session) => Promise<T>): Promise<T>;
  hold(): Promise<HeldSession>;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
/** How long a cancelled statement may take to end. */
const CANCEL_MS = 5_000;

const SETTINGS = [
  "set timezone = 'UTC'",
  "set datestyle = 'ISO, YMD'",
  "set intervalstyle = 'postgres'",
  'set extra_float_digits = 1',
  "set bytea_output = 'hex'",
  'set standard_conforming_strings = on',
  'set client_min_messages = warning',
  // Compiling costs seconds that a query with many columns rarely gives back.
  'set jit = off',
  // Rows of a query without an order come as they lie.
  'set synchronize_seqscans = off',
];

export function openWarehouse(options: WarehouseOptions): Warehouse {
  const schema = quoteIdentifier(options.schema ?? '');
  const searching = options.schema === undefined ? [] : [`set search_path = ${schema}`];
  const atOnce = options.atOnce ?? 8;
  const waiting: (() => void)[] = [];
  let running = 0;
  let closed = false;

  async function connect(): Promise<pg.Client> {
    if (closed) throw new MlopsError('ST104', { detail: 'The offline store is closed.' });
    const client = clientOf(options);
    try {
      await client.connect();
      await client.query([...SETTINGS, ...searching].join('; '));
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      throw warehouseProblem(error) ?? error;
    }
  }

  /** On another connection: the one in hand does not listen. */
  async function cancel(client: pg.Client): Promise<void> {
    const { processID } = client as unknown as { readonly processID: number };
    const other = clientOf({ ...options, answersWithinMs: CANCEL_MS });
    const late = setTimeout(() => streamOf(client).destroy(), CANCEL_MS);
    late.unref();
    try {
      await other.connect();
      await other.query('select pg_cancel_backend($1)', [processID]);
    } catch {
      streamOf(client).destroy();
    } finally {
      await other.end().catch(() => {});
    }
  }

  async function on<T>(
    client: pg.Client,
    signal: AbortSignal | undefined,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const abort = (): void => void cancel(client);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await body(sessionOf(client, signal));
    } catch (error) {
      signal?.throwIfAborted();
      throw warehouseProblem(error) ?? error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async function turn(): Promise<void> {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
  }

  function done(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  return {
    schema,
    schemaName: options.schema ?? '',
    job: async (signal, body) => {
      signal?.throwIfAborted();
      await turn();
      try {
        const client = await connect();
        try {
          return await on(client, signal, body);
        } finally {
          await client.end().catch(() => {});
        }
      } finally {
        done();
      }
    },
    hold: async () => {
      const client = await connect();
      return { on: (signal, body) => on(client, signal, body), close: () => client.end().catch(() => {}) };
    },
    close: async () => {
      closed = true;
    },
  };
}

function clientOf(options: Pick<WarehouseOptions, 'connectionString' | 'answersWithinMs'>): pg.Client {
  let client: pg.Client;
  try {
    client = new pg.Client({
      connectionString: options.connectionString,
      application_name: 'mlops offline',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      ...(options.answersWithinMs !== undefined && {
        statement_timeout: options.answersWithinMs,
        query_timeout: options.answersWithinMs + 1_000,
      }),
    });
  } catch {
    // Without its cause, which holds the text.
    throw new MlopsError('ST131', {
      detail: 'The address of the offline store is no connection string of Postgres.',
      hint: 'write postgres://user:password@host:5432/database; encode special characters of the password',
    });
  }
  // A connection that dies between two statements: the next statement reports it.
  client.on('error', () => {});
  return client;
}

function streamOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream;
}

function sessionOf(client: pg.Client, signal: AbortSignal | undefined): Session {
  const run = async (text: string): Promise<void> => {
    signal?.throwIfAborted();
    await client.query(text);
  };
  return {
    query: async <Row extends pg.QueryResultRow>(text: string, params: readonly unknown[] = []) => {
      signal?.throwIfAborted();
      return (await client.query<Row>(text, params as unknown[])).rows;
    },
    run,
    fields: async (select) => {
      signal?.throwIfAborted();
      return (await client.query(`${select} limit 0`)).fields;
    },
    transaction: async (body, how) => {
      await run(
        how === 'repeatable'
          ? 'begin isolation level repeatable read'
          : how === 'read only'
            ? 'begin isolation level repeatable read read only'
            : 'begin',
      );
      try {
        const result = await body();
        await run('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch(() => {});
        throw error;
      }
    },
    copyOut: async (select, sink) => {
      signal?.throwIfAborted();
      await copyOut(client, `copy (${select}) to stdout (format csv)`, sink);
    },
    copyIn: async (target, path) => {
      signal?.throwIfAborted();
      return copyIn(
        client,
        `copy ${target} from stdin (format csv)`,
        createReadStream(path, { highWaterMark: 1 << 18 }),
      );
    },
  };
}

/** Whether the server refused the statement itself, and what it said. */
export function refusal(error: unknown): string | undefined {
  return sqlState(error) === undefined ? undefined : (error as Error).message;
}
