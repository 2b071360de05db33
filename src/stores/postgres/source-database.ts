/** Tables and queries of a Postgres of the user's as sources: read as a whole, by one statement of a transaction that only reads. */
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import type { LocalTables, TextTable } from '../local-tables.ts';
import { columnsOf, ident, list, subquery, textOf } from './offline/sql.ts';
import { writeRows } from './offline/text-file.ts';
import { openWarehouse, refusal, type Session } from './offline/warehouse.ts';

const DESCRIBED_WITHIN_MS = 15_000;

type DatabaseSource = Pick<CanonicalSource, 'name' | 'table' | 'query'>;

/** FS204 where the table or the query is refused, ST130 and ST131 where the server is not to be had. */
export async function describeDatabaseSource(
  connectionString: string,
  source: DatabaseSource,
): Promise<readonly Column[]> {
  return reading(
    { connectionString, answersWithinMs: DESCRIBED_WITHIN_MS },
    source,
    undefined,
    async (session, relation) => {
      const columns = await columnsOf(session, `select * from ${relation}`);
      return columns.map(({ name, type }) => ({ name, type }));
    },
  );
}

export async function readDatabaseSource(
  connectionString: string,
  source: DatabaseSource,
  local: LocalTables,
  signal: AbortSignal,
): Promise<TextTable> {
  return reading({ connectionString }, source, signal, async (session, relation) => {
    const columns = await columnsOf(session, `select * from ${relation}`);
    const values = columns.map(({ name, serverType }) => textOf(`q.${ident(name)}`, serverType));
    return writeRows(session, local, `select ${list(values)} from ${relation}`, columns);
  });
}

async function reading<T>(
  server: { readonly connectionString: string; readonly answersWithinMs?: number },
  source: DatabaseSource,
  signal: AbortSignal | undefined,
  read: (session: Session, relation: string) => Promise<T>,
): Promise<T> {
  const address = `source.${source.name}`;
  try {
    return await openWarehouse(server).job(signal, (session) =>
      session.transaction(() => read(session, relationOf(source)), 'read only'),
    );
  } catch (error) {
    const message = refusal(error);
    if (message !== undefined) {
      const what = source.table === undefined ? 'its query' : `the table ${source.table}`;
      throw new MlopsError('FS204', {
        address,
        detail: `The source ${source.name} cannot be read: its database refuses ${what}. ${message}.`,
        cause: error,
      });
    }
    if (!(error instanceof MlopsError)) throw error;
    throw new MlopsError(error.code, {
      address,
      detail: error.detail.replace('of the offline store', `of the source ${source.name}`),
      hint: error.hint,
      retryable: error.retryable,
      cause: error.cause,
    });
  }
}

function relationOf({ table, query }: DatabaseSource): string {
  if (table === undefined) return subquery(typeof query === 'string' ? query : '', 'q');
  // `schema.table`; a part that holds a dot stands in quotes.
  const parts = [...table.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replaceAll('""', '"'),
  );
  return `${parts.map(ident).join('.')} q`;
}
