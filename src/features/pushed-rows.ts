/**
 * Flat rows, as files, tables and data frames have them: a column a key, the times and each feature. The event time stands
 * under the set's own column, under `event_time` or under `event_timestamp`.
 */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import { parseDtype } from '../spec/dtype.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Dtype } from '../spec/schema-types.ts';
import { keyColumns, storedFeatures } from './definitions.ts';
import type { FeatureUpdate } from './push-target.ts';
import { formatTimestamp } from './time.ts';

export type FlatRow = Readonly<Record<string, unknown>>;

export interface FlatRowOptions {
  /** Columns that the set does not have: an error (FS201), or left out. Default: refuse. */
  readonly extra?: 'refuse' | 'ignore' | undefined;
  /** The event time, in microseconds, of rows that have none. Default: when they are pushed. */
  readonly at?: bigint | undefined;
  /** Every value is a text, as in CSV: it is read by the type of its column. */
  readonly text?: boolean | undefined;
  /** A number is a time in seconds since 1970, as in Feast's UnixTimestamp. Default: it is no time. */
  readonly epochSeconds?: boolean | undefined;
}

const EVENT_TIMES = ['event_time', 'event_timestamp'];
/** What Feast calls it. */
const CREATED_TIMES = ['created_time', 'created', 'created_timestamp'];

/** For `push`: what a flat row says, of a set with this structure. */
export function flatRows(
  set: string,
  { extra = 'refuse', at, text = false, epochSeconds = false }: FlatRowOptions = {},
): (structure: FeatureSetStructure) => (row: FlatRow) => FeatureUpdate {
  return (structure) => {
    const keys = keyColumns(structure).map(({ name }) => name);
    const features = new Map(storedFeatures(structure).map(({ name, dtype }) => [name, dtype]));
    const taken = new Set([...keys, ...features.keys()]);
    const eventTimes = [structure.eventTime, ...EVENT_TIMES].filter((name) => !taken.has(name));
    const createdTimes =
      structure.createdTime === null
        ? []
        : [structure.createdTime, ...CREATED_TIMES].filter((name) => !taken.has(name) && name !== structure.eventTime);
    const known = [...taken, ...eventTimes, ...createdTimes];
    const atText = at === undefined ? undefined : formatTimestamp(at);
    return (row) => {
      const values: Record<string, unknown> = {};
      const entity: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(row)) {
        const dtype = features.get(name);
        if (dtype !== undefined) values[name] = text ? fromText(dtype, value) : fromJson(dtype, value, epochSeconds);
        else if (keys.includes(name)) entity[name] = value;
        else if (extra === 'refuse' && !known.includes(name)) throw unknownColumn(set, name, known);
      }
      return {
        entity,
        features: values,
        eventTime: timeOf(set, row, eventTimes) ?? atText,
        createdTime: timeOf(set, row, createdTimes),
      };
    };
  };
}

/** The first of the columns that holds one. */
function timeOf(set: string, row: FlatRow, columns: readonly string[]): string | undefined {
  for (const name of columns) {
    const value = row[name];
    if (typeof value === 'string' && value !== '') return value;
    if (value !== null && value !== undefined && value !== '') {
      throw new MlopsError('FS202', {
        address: `feature_set.${set}`,
        detail: `${name} is ${JSON.stringify(value)}, which is no time.`,
        hint: 'write it like 2026-01-02T03:04:05Z',
        status: 422,
      });
    }
  }
  return undefined;
}

function unknownColumn(set: string, name: string, known: readonly string[]): MlopsError {
  return new MlopsError('FS201', {
    address: `feature_set.${set}`,
    detail: `The feature set ${set} has no column ${name}.`,
    hint: didYouMean(name, known),
    status: 422,
  });
}

/** The number that stands for no time at all in Feast and in NumPy. */
const NOT_A_TIME = -(2n ** 63n);

function fromEpoch(value: unknown): unknown {
  if (value === NOT_A_TIME) return null;
  return typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) < 8e12
    ? formatTimestamp(BigInt(value) * 1_000_000n)
    : value;
}

/** A bigint is kept where an integer is; elsewhere the nearest number is meant. */
function fromJson(dtype: Dtype, value: unknown, epochSeconds: boolean): unknown {
  if (Array.isArray(value)) {
    const type = parseDtype(dtype);
    const item = type.kind === 'array' ? type.of : 'float64';
    return value.map((each: unknown) => fromJson(item, each, epochSeconds));
  }
  if (epochSeconds && dtype === 'timestamp') return fromEpoch(value);
  return typeof value === 'bigint' && dtype !== 'int32' && dtype !== 'int64' ? Number(value) : value;
}

const TRUE = /^(true|t|1)$/i;
const FALSE = /^(false|f|0)$/i;
/** Types whose values are read from a text as they stand. */
const TEXTS: ReadonlySet<string> = new Set([
  'int32',
  'int64',
  'float32',
  'float64',
  'string',
  'timestamp',
  'date',
  'uuid',
  'bytes',
]);

/** What is no value of the type stays the text, and is refused as that. */
function fromText(dtype: Dtype, value: unknown): unknown {
  if (typeof value !== 'string' || TEXTS.has(dtype)) return value;
  if (dtype === 'bool') return TRUE.test(value) ? true : FALSE.test(value) ? false : value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}
