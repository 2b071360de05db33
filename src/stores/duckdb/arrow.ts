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
  const numbers = NUMBERS[type];
  if (numbers !== undefined) {
    const [of, array] = numbers;
    return fixed(new arrow[of](), (length) => new array(length), of.endsWith('64') ? big : number);
  }
  switch (type) {
    case 'BOOLEAN':
      return boolBuilder(arrow, column);
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

/** Types that Arrow has as they are: its name for each, and what holds the values. */
const NUMBERS: Readonly<
  Record<
    string,
    readonly [
      'Int8' | 'Int16' | 'Int32' | 'Int64' | 'Uint8' | 'Uint16' | 'Uint32' | 'Uint64' | 'Float32',
      new (length: number) => Fixed,
    ]
  >
> = {
  TINYINT: ['Int8', Int8Array],
  SMALLINT: ['Int16', Int16Array],
  INTEGER: ['Int32', Int32Array],
  BIGINT: ['Int64', BigInt64Array],
  UTINYINT: ['Uint8', Uint8Array],
  USMALLINT: ['Uint16', Uint16Array],
  UINTEGER: ['Uint32', Uint32Array],
  UBIGINT: ['Uint64', BigUint64Array],
  FLOAT: ['Float32', Float32Array],
};

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

interface Gathering {
  /** The value of the row of that place in the batch; one that is null is left out. */
  put(row: number, value: unknown): void;
  /** The buffers of that many rows, which are handed out: the next batch has new ones. */
  take(rows: number): object;
}

/** Counts rows and nulls, and marks which rows have a value; the values are gathered by `gathering`. */
function builder(arrow: Arrow, type: DataType, sql: string, { put, take }: Gathering): ColumnBuilder {
  const valid = validity();
  let length = 0;
  let nulls = 0;
  return {
    type,
    sql,
    append: (vector, rows) => {
      for (let row = 0; row < rows; row += 1, length += 1) {
        const value = vector.getItem(row);
        if (value === null) nulls += 1;
        else {
          valid.mark(length);
          put(length, value);
        }
      }
    },
    flush: () => {
      const made = arrow.makeData({
        type,
        length,
        nullCount: nulls,
        nullBitmap: valid.take(length),
        ...take(length),
      } as never);
      length = 0;
      nulls = 0;
      return made as Data;
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
  return builder(arrow, type, sql, {
    put: (row, value) => {
      values[row] = read(value);
    },
    take: (rows) => {
      const data = values.subarray(0, rows);
      values = make(BATCH_ROWS * 2);
      return { data };
    },
  });
}

function boolBuilder(arrow: Arrow, sql: string): ColumnBuilder {
  const set = validity();
  return builder(arrow, new arrow.Bool(), sql, {
    put: (row, value) => {
      if (value === true) set.mark(row);
    },
    take: (rows) => ({ data: set.take(rows) }),
  });
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
  /** A row without a value ends where the one before it does. */
  const fill = (rows: number): void => {
    while (offsets.length <= rows) offsets.push(end);
  };
  return builder(arrow, type, sql, {
    put: (row, value) => {
      fill(row);
      const bytes = bytesOf(value);
      pieces.push(bytes);
      end += bytes.byteLength;
      offsets.push(end);
    },
    take: (rows) => {
      fill(rows);
      const taken = { valueOffsets: Int32Array.from(offsets), data: Buffer.concat(pieces, end) };
      pieces = [];
      offsets = [0];
      end = 0;
      return taken;
    },
  });
}
