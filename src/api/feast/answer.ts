/** The answer of Feast's feature server: a result a feature, with a value, a status and an event time an entity. */
import type { AlignedRow, FeatureStatus } from '../../features/online-row.ts';
import { parseTimestamp } from '../../features/time.ts';
import { parseDtype } from '../../spec/dtype.ts';
import type { Dtype, ScalarDtype } from '../../spec/schema-types.ts';
import { toJson } from '../json.ts';

const STATUSES: Readonly<Record<FeatureStatus, string>> = {
  present: '"PRESENT"',
  null: '"NULL_VALUE"',
  not_found: '"NOT_FOUND"',
  expired: '"OUTSIDE_MAX_AGE"',
};
/** Where there is none. */
const NO_TIME = '"1970-01-01T00:00:00Z"';

export interface FeastColumn {
  readonly name: string;
  readonly dtype: Dtype;
  /** Its place among the values of the rows. */
  readonly at: number;
}

export interface FeastAnswer {
  /** The join keys as they were sent. */
  readonly entities: readonly (readonly [string, readonly unknown[]])[];
  readonly columns: readonly FeastColumn[];
  /** In the order of the entities; undefined where a key is null, which nothing is found by. */
  readonly rows: readonly (AlignedRow | undefined)[];
  readonly views?: readonly { readonly name: string; readonly version: number }[] | undefined;
}

export function feastAnswerText({ entities, columns, rows, views }: FeastAnswer): string {
  const names = [...entities.map(([name]) => name), ...columns.map(({ name }) => name)];
  const results = [
    ...entities.map(([, values]) =>
      resultText(
        values.map(plainText),
        values.map(() => STATUSES.present),
        values.map(() => NO_TIME),
      ),
    ),
    ...columns.map(({ at, dtype }) =>
      resultText(
        rows.map((row) => valueText(dtype, row?.values[at])),
        rows.map((row) => STATUSES[row?.statuses[at] ?? 'not_found']),
        rows.map((row) => timeText(row?.eventTimes[at])),
      ),
    ),
  ];
  const versions = views === undefined ? '' : `,"feature_view_metadata":${toJson(views)}`;
  return `{"results":[${results.join(',')}],"metadata":{"feature_names":${toJson(names)}${versions}}}`;
}

function resultText(values: readonly string[], statuses: readonly string[], times: readonly string[]): string {
  return `{"values":[${values.join(',')}],"statuses":[${statuses.join(',')}],"event_timestamps":[${times.join(',')}]}`;
}

function valueText(dtype: Dtype, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  const type = parseDtype(dtype);
  if (type.kind === 'scalar') return scalarText(type.type, value);
  const item = type.kind === 'array' ? type.of : 'float32';
  return `[${(value as readonly unknown[]).map((each) => scalarText(item, each)).join(',')}]`;
}

/** Python tells 5 from 5.0, and integers have no end there. */
function scalarText(type: ScalarDtype, value: unknown): string {
  switch (type) {
    case 'float32':
    case 'float64':
      return Number.isInteger(value) && Math.abs(value as number) < 1e21 ? `${value}.0` : plainText(value);
    case 'timestamp':
      // Seconds since 1970, as Feast's UnixTimestamp.
      return typeof value === 'string' ? String((parseTimestamp(value) ?? 0n) / 1_000_000n) : plainText(value);
    case 'json':
      // An object is its text, as Feast's Json; a list stays one.
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? toJson(toJson(value))
        : plainText(value);
    default:
      return plainText(value);
  }
}

const plainText = (value: unknown): string =>
  typeof value === 'bigint' ? String(value) : (toJson(value ?? null) ?? 'null');

/** As protobuf writes times: no fraction, three digits or six. */
function timeText(time: string | null | undefined): string {
  return time === null || time === undefined ? NO_TIME : `"${time.replace(/(?:\.000000|(?<=\.\d{3})000)Z$/, 'Z')}"`;
}
