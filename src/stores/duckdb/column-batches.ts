/** Columns of a Parquet file, a batch of rows at a time: what a model is asked with. */
import { MlopsError } from '../../lib/error.ts';
import { didYouMean } from '../../lib/suggest.ts';
import { parseDtype } from '../../spec/dtype.ts';
import type { ColumnBatch, ColumnBatchesRequest } from '../offline.ts';
import { type Engine, messageOf } from './engine.ts';
import { plainScalar, plainValue } from './plain-value.ts';
import { columnsOf } from './source-relation.ts';
import { castSql, ident, list, literal, sqlType, valueSql } from './sql.ts';

export async function* columnBatchesOf(
  engine: Engine,
  { path, columns, batchRows }: ColumnBatchesRequest,
  signal: AbortSignal,
): AsyncGenerator<ColumnBatch> {
  const connection = await engine.connect();
  try {
    const relation = `read_parquet(${literal(path)})`;
    const result = await engine.on(connection, signal, async (session) => {
      const there = await columnsOf(session, `select * from ${relation}`);
      const select = columns.map(({ name, dtype }, index) => {
        const found = there.find((column) => column.name === name);
        if (found === undefined) {
          const names = there.map((column) => column.name);
          throw new MlopsError('FS201', { detail: `The rows have no column ${name}.`, hint: didYouMean(name, names) });
        }
        const column = ident(name);
        const same = found.type.toLowerCase() === sqlType(dtype);
        const cast = same ? column : castSql(column, found.type, dtype);
        const held = same
          ? column
          : `(case when ${column} is null or (${cast}) is not null then ${cast} else error(${literal(`the column ${name} holds `)} || ${column}::varchar || ${literal(`, which is no ${dtype}`)}) end)`;
        return `${valueSql(held, dtype)} as c${index}`;
      });
      // Without a column there are rows all the same.
      return session.connection
        .stream(`select ${list([...select, '0 as n'])} from ${relation}`)
        .catch((error: unknown) => unreadable(error, signal));
    });
    const readers = columns.map(({ dtype }) =>
      parseDtype(dtype).kind === 'scalar' ? plainScalar : (value: unknown) => plainValue(value, dtype),
    );
    let held = emptyBatch(columns.length);
    for (;;) {
      const chunk = await engine
        .on(connection, signal, () => result.fetchChunk())
        .catch((error: unknown) => unreadable(error, signal));
      if (chunk === null || chunk.rowCount === 0) break;
      const vectors = readers.map((_, at) => chunk.getColumnVector(at));
      for (let row = 0; row < chunk.rowCount; row += 1) {
        for (const [at, read] of readers.entries()) held.columns[at]?.push(read(vectors[at]?.getItem(row) ?? null));
        held.rows += 1;
        if (held.rows < batchRows) continue;
        yield held;
        held = emptyBatch(columns.length);
      }
    }
    if (held.rows > 0) yield held;
  } finally {
    engine.disconnect(connection);
  }
}

function emptyBatch(columns: number): { rows: number; columns: unknown[][] } {
  return { rows: 0, columns: Array.from({ length: columns }, () => []) };
}

function unreadable(error: unknown, signal: AbortSignal): never {
  if (signal.aborted) throw error;
  throw new MlopsError('FS204', { detail: `The rows cannot be read: ${messageOf(error)}`, cause: error });
}
