/** Tables and queries of a Postgres of the user's as sources: read as a whole or from a value of a column on, by one statement of a transaction that only reads. */
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import type { LocalTables, TextTable } from '../local-tables.ts';
import type { ResumePoint } from '../offline-snapshots.ts';
import { columnsOf, ident, list, literal, subquery, textOf } from './offline/sql.ts';
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

export interface DatabaseRows extends TextTable {
  /** Whether they are those from `from` on alone. */
  readonly resumed: boolean;
}

/** From `from` on, where the server compares values of that column as every offline store does; else all rows. */
export async function readDatabaseSource(
  connectionString: string,
  source: DatabaseSource,
  from: ResumePoint | undefined,
  local: LocalTables,
  signal: AbortSignal,
): Promise<DatabaseRows> {
  return reading({ connectionString }, source, signal, async (session, relation) => {
    const columns = await columnsOf(session, `select * from ${relation}`);
    const values = columns.map(({ name, serverType }) => textOf(`q.${ident(name)}`, serverType));
    const by = columns.find(({ name }) => name === from?.column);
    const resumed = from !== undefined && by !== undefined && COMPARED_ALIKE.test(by.serverType);
    const name = `q.${ident(by?.name ?? '')}`;
    const where = resumed ? ` where ${name} >= ${literal(from.from)}::${by.serverType} or ${name} is null` : '';
    const rows = await writeRows(session, local, `select ${list(values)} from ${relation}${where}`, columns);
    return { ...rows, resumed };
  });
}

const COMPARED_ALIKE = /^(smallint|integer|bigint|date|timestamp(\(\d\))? with(out)? time zone)$/;

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
  return `${tableOf(table)} q`;
}

/** Quoted. */
export function tableOf(table: string): string {
  // `schema.table`; a part that holds a dot stands in quotes.
  const parts = [...table.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replaceAll('""', '"'),
  );
  return parts.map(ident).join('.');
}
