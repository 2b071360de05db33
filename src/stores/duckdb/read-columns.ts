/** Columns of a Parquet file as arrays, for trainers. */
import { MlopsError } from '../../lib/error.ts';
import { didYouMean } from '../../lib/suggest.ts';
import type { ColumnarData } from '../offline.ts';
import type { Engine } from './engine.ts';
import { isList, isListValue, listSql } from './lists.ts';
import { plainScalar } from './plain-value.ts';
import { columnsOf } from './source-relation.ts';
import { ident, list, literal } from './sql.ts';

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|BOOLEAN|DECIMAL\([^[]*)$/;
const TEMPORAL = /^(DATE|TIMESTAMP[^[]*)$/;

export async function readColumnsOf(engine: Engine, path: string, columns: readonly string[]): Promise<ColumnarData> {
  return engine.job(undefined, async (session) => {
    const relation = `read_parquet(${literal(path)})`;
    const there = await columnsOf(session, `select * from ${relation}`);
    const wanted = columns.map((name) => {
      const column = there.find((candidate) => candidate.name === name);
      if (column !== undefined) return column;
      const names = there.map((candidate) => candidate.name);
      throw new MlopsError('FS201', { detail: `The data set has no column ${name}.`, hint: didYouMean(name, names) });
    });
    const counted = await session.rows<{ rows: bigint }>(`select count(*) as rows from ${relation}`);
    const rows = Number(counted[0]?.rows ?? 0n);
    const data = new Map<string, Float64Array | (string | readonly unknown[] | null)[]>(
      wanted.map((column) => [
        column.name,
        isNumber(column.type)
          ? new Float64Array(rows).fill(Number.NaN)
          : new Array<string | readonly unknown[] | null>(rows).fill(null),
      ]),
    );
    if (wanted.length === 0) return { rows, columns: {} };
    const select = wanted.map((column) =>
      NUMERIC.test(column.type)
        ? `${ident(column.name)}::double`
        : TEMPORAL.test(column.type)
          ? `epoch_ms(${ident(column.name)}::timestamp)::double`
          : isList(column.type)
            ? listSql(ident(column.name), column.type)
            : `${ident(column.name)}::varchar`,
    );
    const result = await session.connection.stream(`select ${list(select)} from ${relation}`);
    let offset = 0;
    for await (const chunk of result) {
      for (const [index, column] of wanted.entries()) {
        const target = data.get(column.name);
        const values = chunk.getColumnValues(index);
        for (let row = 0; row < values.length; row += 1) {
          const value = values[row] ?? null;
          if (target instanceof Float64Array) target[offset + row] = value === null ? Number.NaN : Number(value);
          else if (target !== undefined)
            target[offset + row] =
              value === null ? null : isListValue(value) ? value.items.map(plainScalar) : String(value);
        }
      }
      offset += chunk.rowCount;
    }
    return { rows, columns: Object.fromEntries(data) };
  });
}

function isNumber(type: string): boolean {
  return NUMERIC.test(type) || TEMPORAL.test(type);
}
