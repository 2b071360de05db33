/**
 * Rows of the engine as an Arrow IPC stream, a batch at a time. Times are microseconds in UTC; what Arrow's plain types do not
 * hold (decimals, structs, lists of lists) becomes a double or text.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Data, DataType } from 'apache-arrow';
import type { Column } from '../../spec/column.ts';
import { type Arrow, type ColumnBuilder, listBuilder } from './arrow-lists.ts';
import { isList, itemType } from './lists.ts';
import { ident, list } from './sql.ts';

const BATCH_ROWS = 32_768;

export async function* arrowStream(
  connection: DuckDBConnection,
  relation: string,
  columns: readonly Column[],
): AsyncGenerator<Uint8Array> {
  const arrow = await import('apache-arrow');
  const builders = columns.map((column) => builderOf(arrow, column));
  const schema = new arrow.Schema(
    columns.map(({ name }, index) => new arrow.Field(name, builders[index]?.type ?? new arrow.Null(), true)),
  );
  // The writer's own queue has no end: what it writes is taken from it at once.
  const written: Uint8Array[] = [];
  const sink = new (class extends arrow.AsyncByteQueue {
    override write(value: Parameters<InstanceType<Arrow['AsyncByteQueue']>['write']>[0]): void {
      if (value instanceof Uint8Array && value.byteLength > 0) written.push(value);
    }
  })();
  const writer = new arrow.RecordBatchStreamWriter({ autoDestroy: false }).reset(sink, schema);
  let rows = 0;
  const flush = (): void => {
    const children = builders.map((builder) => builder.flush());
    const type = new arrow.Struct(schema.fields);
    writer.write(new arrow.RecordBatch(schema, arrow.makeData({ type, length: rows, nullCount: 0, children })));
    rows = 0;
  };
  const result = await connection.stream(`select ${list(builders.map(({ sql }) => sql))} from ${relation}`);
  for await (const chunk of result) {
    for (const [index, builder] of builders.entries()) builder.append(chunk.getColumnVector(index), chunk.rowCount);
    rows += chunk.rowCount;
    if (rows >= BATCH_ROWS) flush();
    yield* written.splice(0);
  }
  if (rows > 0) flush();
  writer.finish();
  yield* written.splice(0);
}

function builderOf(arrow: Arrow, { name, type }: Column): ColumnBuilder {
  const column = ident(name);
  if (isList(type)) return listBuilder(arrow, column, itemType(type) ?? '');
  const fixed = (
    of: DataType,
    make: (length: number) => Fixed,
    read: (value: unknown) => number | bigint,
    sql = column,
  ): ColumnBuilder => fixedBuilder(arrow, of, make, read, sql);
  const number = (value: unknown): number => Number(value);
  const big = (value: unknown): bigint => BigInt(value as bigint);
  switch (type) {
    case 'BOOLEAN':
      return boolBuilder(arrow, column);
    case 'TINYINT':
      return fixed(new arrow.Int8(), (length) => new Int8Array(length), number);
    case 'SMALLINT':
      return fixed(new arrow.Int16(), (length) => new Int16Array(length), number);
    case 'INTEGER':
      return fixed(new arrow.Int32(), (length) => new Int32Array(length), number);
    case 'BIGINT':
      return fixed(new arrow.Int64(), (length) => new BigInt64Array(length), big);
    case 'UTINYINT':
      return fixed(new arrow.Uint8(), (length) => new Uint8Array(length), number);
    case 'USMALLINT':
      return fixed(new arrow.Uint16(), (length) => new Uint16Array(length), number);
    case 'UINTEGER':
      return fixed(new arrow.Uint32(), (length) => new Uint32Array(length), number);
    case 'UBIGINT':
      return fixed(new arrow.Uint64(), (length) => new BigUint64Array(length), big);
    case 'FLOAT':
      return fixed(new arrow.Float32(), (length) => new Float32Array(length), number);
    case 'DATE':
      return fixed(new arrow.DateDay(), (length) => new Int32Array(length), number, `${column} - date '1970-01-01'`);
    case 'BLOB':
      return bytesBuilder(
        arrow,
        new arrow.Binary(),
        (value) => (value as { readonly bytes: Uint8Array }).bytes,
        column,
      );
    default:
      if (type.startsWith('TIMESTAMP')) {
        const of = new arrow.TimestampMicrosecond('UTC');
        return fixed(of, (length) => new BigInt64Array(length), big, `epoch_us(${column}::timestamp)`);
      }
      if (type === 'DOUBLE' || type.startsWith('DECIMAL'))
        return fixed(new arrow.Float64(), (length) => new Float64Array(length), number, `${column}::double`);
      return bytesBuilder(arrow, new arrow.Utf8(), (value) => encoder.encode(String(value)), `${column}::varchar`);
  }
}

const encoder = new TextEncoder();

type Fixed =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** Bits of the rows that have a value. Room for a batch and the chunk that fills it. */
function validity(): { mark(row: number): void; take(rows: number): Uint8Array } {
  let bits = new Uint8Array(BATCH_ROWS / 4);
  return {
    mark: (row) => {
      bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
    },
    take: (rows) => {
      const taken = bits.subarray(0, (rows + 7) >> 3);
      bits = new Uint8Array(BATCH_ROWS / 4);
      return taken;
    },
  };
}

function fixedBuilder(
  arrow: Arrow,
  type: DataType,
  make: (length: number) => Fixed,
  read: (value: unknown) => number | bigint,
  sql: string,
): ColumnBuilder {
  let values = make(BATCH_ROWS * 2);
  let length = 0;
  let nulls = 0;
  const valid = validity();
  return {
    type,
    sql,
    append: (vector, rows) => {
      for (let row = 0; row < rows; row += 1, length += 1) {
        const value = vector.getItem(row);
        if (value === null) nulls += 1;
        else {
          values[length] = read(value);
          valid.mark(length);
        }
      }
    },
    flush: () => {
      const data = values.subarray(0, length);
      const made = arrow.makeData({ type, length, nullCount: nulls, nullBitmap: valid.take(length), data } as never);
      values = make(BATCH_ROWS * 2);
      length = 0;
      nulls = 0;
      return made as Data;
    },
  };
}

function boolBuilder(arrow: Arrow, sql: string): ColumnBuilder {
  const valid = validity();
  const set = validity();
  let length = 0;
  let nulls = 0;
  const type = new arrow.Bool();
  return {
    type,
    sql,
    append: (vector, rows) => {
      for (let row = 0; row < rows; row += 1, length += 1) {
        const value = vector.getItem(row);
        if (value === null) nulls += 1;
        else valid.mark(length);
        if (value === true) set.mark(length);
      }
    },
    flush: () => {
      const made = arrow.makeData({
        type,
        length,
        nullCount: nulls,
        nullBitmap: valid.take(length),
        data: set.take(length),
      });
      length = 0;
      nulls = 0;
      return made;
    },
  };
}

function bytesBuilder(
  arrow: Arrow,
  type: DataType,
  bytesOf: (value: unknown) => Uint8Array,
  sql: string,
): ColumnBuilder {
  let pieces: Uint8Array[] = [];
  let offsets = [0];
  let end = 0;
  let nulls = 0;
  const valid = validity();
  return {
    type,
    sql,
    append: (vector, rows) => {
      for (let row = 0; row < rows; row += 1) {
        const value = vector.getItem(row);
        if (value === null) nulls += 1;
        else {
          const bytes = bytesOf(value);
          pieces.push(bytes);
          end += bytes.byteLength;
          valid.mark(offsets.length - 1);
        }
        offsets.push(end);
      }
    },
    flush: () => {
      const length = offsets.length - 1;
      const made = arrow.makeData({
        type,
        length,
        nullCount: nulls,
        nullBitmap: valid.take(length),
        valueOffsets: Int32Array.from(offsets),
        data: Buffer.concat(pieces, end),
      } as never);
      pieces = [];
      offsets = [0];
      end = 0;
      nulls = 0;
      return made as Data;
    },
  };
}
