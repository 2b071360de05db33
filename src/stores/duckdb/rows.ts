/** Every row of some parts, in the order in which they were ingested. */
import type { KeyColumn, LatestRow, RowsRequest } from '../offline.ts';
import type { Engine } from './engine.ts';
import { fileOf } from './files.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, ROW, SEQUENCE } from './part-columns.ts';
import { plainScalar, plainValue } from './plain-value.ts';
import { castSql, list, literal, tables, valueSql } from './sql.ts';

const BATCH_ROWS = 4096;

export async function* rowsOf(
  engine: Engine,
  root: string,
  { plan, parts, after, before, keys: wanted }: RowsRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  if (parts.length === 0) return;
  const { keys, features } = plan;
  const columns = [
    `epoch_us(${EVENT_TIME})`,
    `epoch_us(${CREATED_TIME})`,
    SEQUENCE,
    ...keys.map((key) => valueSql(keyColumn(key), key.type)),
    ...features.map((feature) => valueSql(featureColumn(keys, feature), feature.dtype)),
  ].map((column, index) => `${column} as c${index}`);
  const connection = await engine.connect();
  try {
    await engine.on(connection, signal, (session) =>
      session.run(
        `create temp table ingested as select ${list(columns)} from ${tables(parts.map((location) => fileOf(root, location)))}
         where ${SEQUENCE} > ${after} and ${SEQUENCE} < ${before}${wanted === undefined ? '' : ` and ${amongSql(keys, wanted)}`} order by ${SEQUENCE}, ${ROW}`,
      ),
    );
    for (let from = 0; ; from += BATCH_ROWS) {
      const rows = await engine.on(connection, signal, async (session) => {
        const reader = await session.connection.runAndReadAll(
          `select * from ingested where rowid >= ${from} and rowid < ${from + BATCH_ROWS} order by rowid`,
        );
        return reader.getRows();
      });
      if (rows.length === 0) return;
      yield rows.map((row) => ({
        eventTime: row[0] as bigint,
        createdTime: row[1] as bigint | null,
        sequence: Number(row[2]),
        key: row.slice(3, 3 + keys.length).map(plainScalar),
        values: Object.fromEntries(
          features.map((feature, index) => [feature.name, plainValue(row[3 + keys.length + index], feature.dtype)]),
        ),
      }));
    }
  } finally {
    engine.disconnect(connection);
  }
}

function amongSql(keys: readonly KeyColumn[], wanted: readonly (readonly string[])[]): string {
  const typed = keys.map((key, at) => castSql(`k[${at + 1}]`, 'VARCHAR', key.type));
  return `(${list(keys.map(keyColumn))}) in (select (${list(typed)}) from (select unnest(from_json(${literal(JSON.stringify(wanted))}, '[["VARCHAR"]]')) as k))`;
}
