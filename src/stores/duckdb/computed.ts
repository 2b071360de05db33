/** Features computed on demand, inside a query: the same function that the online read calls, row by row. */
import type { DuckDBType } from '@duckdb/node-api';
import { parseDtype } from '../../spec/dtype.ts';
import type { Dtype } from '../../spec/schema-types.ts';
import type { ComputedFeature } from '../offline-rows.ts';
import type { Session } from './engine.ts';
import { plainValue, textOf } from './plain-value.ts';
import { castSql, ident, list, valueSql } from './sql.ts';

/** A column that a computed feature may read: its type and its quoted name. */
export interface Readable {
  readonly dtype: Dtype;
  readonly column: string;
}

// Functions belong to the whole instance: each gets a name of its own.
let registered = 0;

/**
 * A relation of `from` with one more column for each computed feature. `columns` knows the features that are there, by
 * name; the new ones are entered into it.
 */
export async function withComputed(
  session: Session,
  from: string,
  computed: readonly ComputedFeature[],
  columns: Map<string, Readable>,
): Promise<string> {
  let relation = from;
  for (const [index, feature] of computed.entries()) {
    const inputs = feature.reads.flatMap((name) => {
      const read = columns.get(name);
      return read === undefined ? [] : [{ name, ...read }];
    });
    const call = `${await register(session, feature, inputs)}(${list(['true', ...inputs.map((input) => argument(input))])})`;
    const column = ident(`__computed_${index}`);
    relation = `(select *, (${castSql(call, isNumeric(feature.dtype) ? 'DOUBLE' : 'VARCHAR', feature.dtype, 'value')}) as ${column} from ${relation})`;
    columns.set(feature.name, { dtype: feature.dtype, column });
  }
  return relation;
}

/** Numbers travel as doubles, as expressions compute with them; everything else as the online store has it. */
function argument(input: Readable): string {
  const [item, ofList] = itemOf(input.dtype);
  if (item === 'bool' || !isNumeric(item)) return valueSql(input.column, input.dtype);
  return `${input.column}::double${ofList ? '[]' : ''}`;
}

/** The type of the value, or of the items of a list. */
function itemOf(dtype: Dtype): readonly [Dtype, boolean] {
  const parsed = parseDtype(dtype);
  if (parsed.kind === 'scalar') return [parsed.type, false];
  return [parsed.kind === 'vector' ? 'float32' : parsed.of, true];
}

function isNumeric(dtype: Dtype): boolean {
  return ['bool', 'int32', 'int64', 'float32', 'float64'].includes(dtype);
}

async function register(
  session: Session,
  feature: ComputedFeature,
  inputs: readonly (Readable & { readonly name: string })[],
): Promise<string> {
  const { BOOLEAN, DOUBLE, DuckDBScalarFunction, LIST, VARCHAR } = await import('@duckdb/node-api');
  const typeOf = (dtype: Dtype): DuckDBType => {
    const [item, ofList] = itemOf(dtype);
    const type = item === 'bool' ? BOOLEAN : isNumeric(item) ? DOUBLE : VARCHAR;
    return ofList ? LIST(type) : type;
  };
  const numeric = isNumeric(feature.dtype);
  const name = `mlops_computed_${registered++}`;
  session.connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      // The first argument is constant: a function needs one even where its expression reads nothing.
      parameterTypes: [BOOLEAN, ...inputs.map((input) => typeOf(input.dtype))],
      returnType: numeric ? DOUBLE : VARCHAR,
      specialHandling: true,
      mainFunction: (_info, chunk, output) => {
        const vectors = inputs.map((_, index) => chunk.getColumnVector(index + 1));
        for (let row = 0; row < chunk.rowCount; row += 1) {
          const values: Record<string, unknown> = {};
          for (const [index, input] of inputs.entries())
            values[input.name] = plainValue(vectors[index]?.getItem(row), input.dtype);
          const value = feature.evaluate(values) ?? null;
          output.setItem(row, value === null ? null : numeric ? Number(value) : textOf(value));
        }
        output.flush();
      },
    }),
  );
  return name;
}
