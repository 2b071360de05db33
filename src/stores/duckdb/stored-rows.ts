/** Rows of parts as the port hands them on: selected into a temporary table, read from it in its order, a batch at a time. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { parseDtype } from '../../spec/dtype.ts';
import type { LatestRow, RowPlan } from '../offline-rows.ts';
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
  plan: Stored,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  const rowsOf = chunkReader(plan);
  const result = await engine.on(connection, signal, (session) => session.connection.stream(`select * from ${table}`));
  for (;;) {
    const rows = await engine.on(connection, signal, async () => {
      const batch: LatestRow[] = [];
      while (batch.length < BATCH_ROWS) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        batch.push(...rowsOf(chunk));
      }
      return batch;
    });
    if (rows.length === 0) return;
    yield rows;
  }
}

/** Column by column, which is how the engine has them: a row is made of them only when it is whole. */
function chunkReader({ keys, features }: Stored): (chunk: DuckDBDataChunk) => readonly LatestRow[] {
  const readers = features.map(({ dtype }) =>
    parseDtype(dtype).kind === 'scalar' ? plainScalar : (value: unknown) => plainValue(value, dtype),
  );
  const names = features.map(({ name }) => name);
  return (chunk) => {
    const columns = Array.from({ length: chunk.columnCount }, (_, at) => chunk.getColumnVector(at));
    const [eventTime, createdTime, sequence] = columns;
    const keyColumns = columns.slice(3, 3 + keys.length);
    const featureColumns = columns.slice(3 + keys.length);
    return Array.from({ length: chunk.rowCount }, (_, row) => {
      const values: Record<string, unknown> = {};
      for (let at = 0; at < names.length; at += 1)
        values[names[at] as string] = readers[at]?.(featureColumns[at]?.getItem(row) ?? null);
      return {
        eventTime: eventTime?.getItem(row) as bigint,
        createdTime: createdTime?.getItem(row) as bigint | null,
        sequence: Number(sequence?.getItem(row)),
        key: keyColumns.map((column) => plainScalar(column.getItem(row))),
        values,
      };
    });
  };
}
