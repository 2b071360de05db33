/** Users' queries on this store: their text in its dialect, and their sources as views of their snapshots. */
import { MlopsError } from '../../../lib/error.ts';
import { duckdbText, missingText, type QueryText, tablesOfPostgres, textFor } from '../../../spec/query-text.ts';
import { translateSql } from '../../../spec/translate-sql.ts';
import type { LocalTables } from '../../local-tables.ts';
import type { Inputs } from '../../offline-rows.ts';
import { tableOf } from './parts.ts';
import { columnsOf, ident, list, literal, ROW, type ServerColumn, subquery } from './sql.ts';
import { refusal, type Session, type Warehouse } from './warehouse.ts';

/** The text that runs here. SP205 where it has no translation. */
export async function textHere(query: QueryText, address?: string): Promise<string> {
  const own = textFor(query, 'postgres');
  if (own !== undefined) return own;
  const written = duckdbText(query);
  if (written === undefined) throw missingText('postgres', address);
  const translated = await translateSql(written);
  if (translated.sql !== null) return translated.sql;
  const problems = translated.problems.map(
    ({ message, start, end }) => `${message} (${written.slice(start, end).trim().slice(0, 60)})`,
  );
  throw new MlopsError('SP205', {
    address,
    detail: `The query${address === undefined ? '' : ` of ${address}`} has no translation for Postgres. ${problems.join('; ')}.`,
    hint: 'write it without these, or give the store a text of its own: query: { duckdb: …, postgres: … }',
  });
}

/** Names of the tables that the text of this store reads. SP201 where it is not one readable query. */
export async function tablesHere(local: LocalTables, query: QueryText): Promise<readonly string[]> {
  const own = textFor(query, 'postgres');
  if (own === undefined) return local.tablesOf(query);
  const tables = await tablesOfPostgres(own);
  if (tables === undefined)
    throw new MlopsError('SP201', { detail: 'The text for Postgres is not one query that reads data.' });
  return tables;
}

/** What Postgres says of a user's query, as SP206. */
export function refused(what: string, error: unknown, address?: string): unknown {
  const message = refusal(error);
  if (message === undefined) return error;
  return new MlopsError('SP206', { address, detail: `Postgres refuses ${what}. ${message}.`, cause: error });
}

/** Each source as a view of its own name, for as long as the session lives. */
export async function createViews(warehouse: Warehouse, session: Session, inputs: Inputs): Promise<void> {
  for (const [source, location] of Object.entries(inputs)) {
    const columns = await snapshotColumns(warehouse, session, location);
    await session.run(
      `create or replace temp view ${ident(source)} as select ${list(columns.map(({ name }) => ident(name)))} from ${tableOf(warehouse, location)}`,
    );
  }
}

/** The columns of a snapshot but for ours. FS204 where it is not there. */
export async function snapshotColumns(
  warehouse: Warehouse,
  session: Session,
  location: string,
): Promise<readonly ServerColumn[]> {
  const table = tableOf(warehouse, location);
  const [found] = await session.query<{ there: boolean }>(`select to_regclass(${literal(table)}) is not null as there`);
  if (found?.there !== true) {
    throw new MlopsError('FS204', {
      detail: `The snapshot ${location} is recorded, but is not in the offline store.`,
      hint: 'ingest the source again: it is copied anew where its copy is gone',
    });
  }
  return (await columnsOf(session, `select * from ${table}`)).filter(({ name }) => name !== ROW);
}

export async function describeQuery(
  warehouse: Warehouse,
  session: Session,
  query: QueryText,
  inputs: Inputs,
): Promise<readonly ServerColumn[]> {
  await createViews(warehouse, session, inputs);
  const text = await textHere(query);
  return columnsOf(session, `select * from ${subquery(text, 'q')}`).catch((error: unknown) => {
    throw refused('the query', error);
  });
}
