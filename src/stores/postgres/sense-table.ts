/** What a trigger sees of a table or query of a Postgres of the user's: one row, in a transaction that only reads. */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { Trigger } from '../../spec/schema-types.ts';
import { ident, subquery } from './offline/sql.ts';
import { openWarehouse, refusal } from './offline/warehouse.ts';
import { tableOf } from './source-database.ts';

const ANSWERS_WITHIN_MS = 30_000;

/** `{ value }`: the greatest value of the column, the number of rows, or the query's first row. PL242 where the server refuses it. */
export async function senseTable(
  connectionString: string,
  { table, column, query }: Trigger,
  signal: AbortSignal,
): Promise<JsonObject> {
  const select =
    table === undefined
      ? `select to_jsonb(q)::text as value from ${subquery(query ?? '', 'q')} limit 1`
      : `select ${column === undefined ? 'count(*)' : `max(${ident(column)})`}::text as value from ${tableOf(table)}`;
  try {
    const [row] = await openWarehouse({ connectionString, answersWithinMs: ANSWERS_WITHIN_MS }).job(signal, (session) =>
      session.transaction(() => session.query<{ value: string | null }>(select), 'read only'),
    );
    return { value: row?.value ?? null };
  } catch (error) {
    const message = refusal(error);
    if (message === undefined) throw error;
    throw new MlopsError('PL242', {
      detail: `The database refuses what the trigger asks of ${table ?? 'its query'}. ${message}.`,
      cause: error,
    });
  }
}
