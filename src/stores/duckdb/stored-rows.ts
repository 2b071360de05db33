/** Rows of parts as the port hands them on: selected into a temporary table, read from it a batch at a time. */
import type { LatestRow, RowPlan } from '../offline.ts';
import type { Engine } from './engine.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, SEQUENCE } from './part-columns.ts';
import { plainScalar, plainValue } from './plain-value.ts';
import { list, valueSql } from './sql.ts';

type Stored = Pick<RowPlan, 'keys' | 'features'>;

const BATCH_ROWS = 4096;

/** What {@link storedRows} reads, in its order. */
export function storedColumns({ keys, features }: Stored): string {
  const columns = [
    `epoch_us(${EVENT_TIME})`,
    `epoch_us(${CREATED_TIME})`,
    SEQUENCE,
    ...keys.map((key) => valueSql(keyColumn(key), key.type)),
    ...features.map((feature) => valueSql(featureColumn(keys, feature), feature.dtype)),
  ];
  return list(columns.map((column, index) => `${column} as c${index}`));
}

/** In the order of `table`, which holds {@link storedColumns}. */
export async function* storedRows(
  engine: Engine,
  connection: Awaited<ReturnType<Engine['connect']>>,
  table: 'latest' | 'ingested',
  { keys, features }: Stored,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  for (let from = 0; ; from += BATCH_ROWS) {
    const rows = await engine.on(connection, signal, async (session) => {
      const reader = await session.connection.runAndReadAll(
        `select * from ${table} where rowid >= ${from} and rowid < ${from + BATCH_ROWS} order by rowid`,
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
}
