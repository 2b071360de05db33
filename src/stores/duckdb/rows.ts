/** Every row of some parts, in the order in which they were ingested. */
import type { KeyColumn, LatestRow, RowsRequest } from '../offline-rows.ts';
import type { Engine } from './engine.ts';
import { fileOf } from './files.ts';
import { keyColumn, ROW, SEQUENCE } from './part-columns.ts';
import { castSql, list, literal, tables } from './sql.ts';
import { storedColumns, storedRows } from './stored-rows.ts';

export async function* rowsOf(
  engine: Engine,
  root: string,
  { plan, parts, after, before, keys: wanted }: RowsRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  if (parts.length === 0) return;
  const { keys } = plan;
  const connection = await engine.connect();
  try {
    await engine.on(connection, signal, (session) =>
      session.run(
        `create temp table ingested as select ${storedColumns(plan)} from ${tables(parts.map((location) => fileOf(root, location)))}
         where ${SEQUENCE} > ${after} and ${SEQUENCE} < ${before}${wanted === undefined ? '' : ` and ${amongSql(keys, wanted)}`} order by ${SEQUENCE}, ${ROW}`,
      ),
    );
    yield* storedRows(engine, connection, 'ingested', plan, signal);
  } finally {
    engine.disconnect(connection);
  }
}

function amongSql(keys: readonly KeyColumn[], wanted: readonly (readonly string[])[]): string {
  const typed = keys.map((key, at) => castSql(`k[${at + 1}]`, 'VARCHAR', key.type));
  return `(${list(keys.map(keyColumn))}) in (select (${list(typed)}) from (select unnest(from_json(${literal(JSON.stringify(wanted))}, '[["VARCHAR"]]')) as k))`;
}
