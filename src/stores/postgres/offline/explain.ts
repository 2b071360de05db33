/**
 * Whether the server takes a text, asked by EXPLAIN over sources without rows: no table need be there and none is read. Nothing is
 * written: where the store's functions are not there yet they are made in a transaction that is rolled back.
 */
import type { StoreAnswer, StoreTable } from '../../../spec/engine-checks.ts';
import { sqlState } from '../database.ts';
import { functionsSql, hasSchema, refuseOld } from './schema.ts';
import { ident, list, typeOfColumn } from './sql.ts';
import { openWarehouse, type Session, type WarehouseOptions } from './warehouse.ts';

const ANSWERS_WITHIN_MS = 15_000;

export async function explainQueries(
  options: Pick<WarehouseOptions, 'connectionString' | 'schema'>,
  queries: readonly { readonly text: string; readonly tables: readonly StoreTable[] }[],
): Promise<readonly StoreAnswer[]> {
  const warehouse = openWarehouse({ ...options, answersWithinMs: ANSWERS_WITHIN_MS });
  return warehouse.job(undefined, async (session) => {
    await refuseOld(session);
    const made = await hasSchema(warehouse, session);
    await session.run(made ? 'begin read only' : 'begin');
    try {
      if (!made && !(await makeFunctions(session, warehouse.schema))) return queries.map(() => 'not asked' as const);
      const answers: StoreAnswer[] = [];
      for (const query of queries) answers.push(await explain(session, query));
      return answers;
    } finally {
      await session.run('rollback').catch(() => {});
    }
  });
}

/** False where this user may not: the texts are then checked from the first materialization on. */
async function makeFunctions(session: Session, schema: string): Promise<boolean> {
  try {
    await session.run(`create schema if not exists ${schema}`);
    await session.run(functionsSql());
    return true;
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
    return false;
  }
}

async function explain(
  session: Session,
  { text, tables }: { readonly text: string; readonly tables: readonly StoreTable[] },
): Promise<StoreAnswer> {
  const ctes = tables.map(
    (table) => `${ident(table.name)} as (${'query' in table ? `\n${table.query}\n` : emptyTable(table)})`,
  );
  const before = `explain ${ctes.length === 0 ? '' : `with ${list(ctes)} `}select * from (\n`;
  const trimmed = text.trim().replace(/;+\s*$/, '');
  await session.run('savepoint asking');
  try {
    await session.run(`${before}${trimmed}\n) q`);
    await session.run('release savepoint asking');
    return 'right';
  } catch (error) {
    if (sqlState(error) === undefined || sqlState(error)?.startsWith('57') === true) throw error;
    await session.run('rollback to savepoint asking');
    const position = Number((error as { position?: string }).position ?? Number.NaN);
    const place = utf16(`${before}${trimmed}`, position - 1) - before.length;
    return { message: (error as Error).message, place: place >= 0 && place < trimmed.length ? place : undefined };
  }
}

function emptyTable({ columns }: Extract<StoreTable, { columns: unknown }>): string {
  const typed = columns.map((column) => `null::${typeOfColumn(column)} as ${ident(column.name)}`);
  return `select ${list(typed)} where false`;
}

/** The server counts code points. */
function utf16(text: string, points: number): number {
  if (Number.isNaN(points)) return -1;
  return [...text].slice(0, points).join('').length;
}
