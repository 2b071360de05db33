/** Columns of lists as Arrow data: whole lists of single values, gathered by Arrow's own builder. */
import type { DuckDBVector } from '@duckdb/node-api';
import type { Data, DataType } from 'apache-arrow';

export type Arrow = typeof import('apache-arrow');

/** Gathers the rows of one column and hands them out as Arrow data. */
export interface ColumnBuilder {
  readonly type: DataType;
  /** What the engine selects for it. */
  readonly sql: string;
  append(vector: DuckDBVector, rows: number): void;
  /** The rows since the last call. */
  flush(): Data;
}

/** Lists are rare beside single values: Arrow's own builder does. */
export function listBuilder(arrow: Arrow, column: string, item: string): ColumnBuilder {
  const { is, holds = is, sql } = listItem(arrow, item);
  const listOf = (of: DataType): DataType => new arrow.List(new arrow.Field('item', of, true));
  const type = listOf(is);
  const builder = arrow.makeBuilder({ type: listOf(holds), nullValues: [null] });
  return {
    type,
    sql: sql === 'x' ? column : `list_transform(${column}, lambda x: ${sql})`,
    append: (vector, rows) => {
      for (let row = 0; row < rows; row += 1) {
        const value = vector.getItem(row);
        builder.append((value === null ? null : itemsOf(value)) as never);
      }
    },
    flush: () => {
      const data = builder.flush();
      const children = data.children.map((child) => child.clone(is));
      return data.clone(type, data.offset, data.length, data.nullCount, undefined, children) as Data;
    },
  };
}

function itemsOf(value: unknown): readonly unknown[] {
  const { items } = value as { readonly items: readonly unknown[] };
  return items.map((item) => (item instanceof Object && 'bytes' in item ? item.bytes : item));
}

interface ListItem {
  readonly is: DataType;
  /** As what it is gathered: whole numbers, where Arrow's builder would take milliseconds and round. */
  readonly holds?: DataType;
  /** What the engine selects for each item `x`. */
  readonly sql: string;
}

function listItem(arrow: Arrow, item: string): ListItem {
  switch (item) {
    case 'BOOLEAN':
      return { is: new arrow.Bool(), sql: 'x' };
    case 'INTEGER':
      return { is: new arrow.Int32(), sql: 'x' };
    case 'BIGINT':
      return { is: new arrow.Int64(), sql: 'x' };
    case 'FLOAT':
      return { is: new arrow.Float32(), sql: 'x' };
    case 'DATE':
      return { is: new arrow.DateDay(), holds: new arrow.Int32(), sql: "(x - date '1970-01-01')::integer" };
    case 'BLOB':
      return { is: new arrow.Binary(), sql: 'x' };
    default:
      if (item.startsWith('TIMESTAMP')) {
        const is = new arrow.TimestampMicrosecond('UTC');
        return { is, holds: new arrow.Int64(), sql: 'epoch_us(x::timestamp)' };
      }
      if (/^(DOUBLE|DECIMAL.*|U?(TINY|SMALL)INT|UINTEGER)$/.test(item))
        return { is: new arrow.Float64(), sql: 'x::double' };
      return { is: new arrow.Utf8(), sql: 'x::varchar' };
  }
}
