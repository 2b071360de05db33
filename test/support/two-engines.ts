/** Postgres and DuckDB with the same visits: what a query answers on the one is compared with what its translation answers on the other. */
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { freshDatabase } from './postgres.ts';
import { VISITS } from './visits.ts';

export interface TwoEngines {
  readonly postgres: pg.Client;
  /** Rows in one order, each as JSON. */
  onPostgres(sql: string): Promise<string[]>;
  onDuckdb(sql: string): Promise<string[]>;
  close(): Promise<void>;
}

const FUNCTIONS = new URL('../../src/stores/postgres/offline/sql/functions.sql', import.meta.url);

export async function openTwoEngines(): Promise<TwoEngines> {
  const database = await freshDatabase({ empty: true });
  const types = new pg.TypeOverrides();
  types.setTypeParser(1114, (text: string) => new Date(`${text.replace(' ', 'T')}Z`));
  types.setTypeParser(1082, (text: string) => new Date(text));
  const postgres = new pg.Client({ connectionString: database.connectionString, types });
  await postgres.connect();
  await postgres.query("set timezone = 'UTC'");
  await postgres.query(readFileSync(FUNCTIONS, 'utf8'));
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of VISITS) {
    await postgres.query(statement);
    await duckdb.run(statement);
  }
  return {
    postgres,
    onPostgres: async (sql) => sorted((await postgres.query({ text: sql, rowMode: 'array' })).rows as unknown[][]),
    onDuckdb: async (sql) => sorted((await duckdb.runAndReadAll(sql)).getRowsJS() as unknown[][]),
    close: async () => {
      await postgres.end();
      duckdb.closeSync();
      await database.drop();
    },
  };
}

/** Numbers to nine digits: sums depend on their order. */
function plain(value: unknown): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value ?? null;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint' || typeof value === 'number') return Number(Number(value).toPrecision(9));
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(Number(value).toPrecision(9));
  return value;
}

const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row.map(plain))).sort();
