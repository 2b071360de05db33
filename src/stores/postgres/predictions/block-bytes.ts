/**
 * The predictions of a block as bytes: a column for each field, so that names and whatever else repeats stand there once and writing costs
 * about a microsecond a row. The first byte tells the format:
 *
 *     1  MessagePack of {@link Columns}
 *     2  UTF-8 JSON: an array of rows with `at` in microseconds, the newest first. What was logged before there were blocks.
 */
import { Packr } from 'msgpackr';
import { invariant } from '../../../lib/assert.ts';
import type { JsonObject, JsonValue } from '../../../lib/json.ts';
import type { NewPrediction, PredictionRole } from '../../control/prediction-log.ts';

/** A logged row without its endpoint, which is the block's. `age`: milliseconds before the newest of the block. */
export interface BlockRow extends Omit<NewPrediction, 'endpoint' | 'ageMs' | 'role'> {
  readonly role: PredictionRole;
  readonly age: number;
}

/** Objects of few kinds: the names of each kind once; by row its kind (-1: null, or a value that is no object, which `values` holds as it is). */
interface Shaped {
  readonly shapes: string[][];
  readonly kinds: number[];
  readonly values: unknown[];
}

type Source = readonly [
  variant: string | null,
  role: PredictionRole,
  model: string | null,
  version: number | null,
  member: string | null,
  routed: string | null,
  failure: string | null,
];

interface Columns {
  readonly id: string[];
  readonly requestId: string[];
  readonly ordinal: number[];
  readonly age: number[];
  readonly latencyMs: number[];
  /** Who answered and how: each combination once, and by row which. */
  readonly sources: Source[];
  readonly source: number[];
  readonly entity: Shaped;
  readonly features: Shaped;
  readonly prediction: Shaped;
  readonly against: Shaped;
  /** MessagePack of its own: few who read a block want it. */
  readonly reads: Buffer;
}

const FORMAT = { columns: 1, json: 2 } as const;

// Names stand there once by `Shaped`; integers beyond 2^53 are text already. `reads` alone has objects within objects.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const recordPackr = new Packr({ useRecords: true, int64AsType: 'number' });

/** `newestMs`: the least age of the rows. */
export function encodeBlock(rows: readonly NewPrediction[], newestMs: number): Buffer {
  const sources = sourcesOf();
  const entity = shaped();
  const features = shaped();
  const prediction = shaped();
  const against = shaped();
  const columns = {
    id: rows.map(({ id }) => id),
    requestId: rows.map(({ requestId }) => requestId),
    ordinal: rows.map(({ ordinal }) => ordinal),
    age: rows.map(({ ageMs }) => ageMs - newestMs),
    latencyMs: rows.map(({ latencyMs }) => latencyMs),
    source: rows.map((row) => sources.at(row)),
    sources: sources.all,
    entity: entity.column,
    features: features.column,
    prediction: prediction.column,
    against: against.column,
    reads: Buffer.alloc(0) as Buffer,
  } satisfies Columns;
  for (const row of rows) {
    entity.add(row.entity);
    features.add(row.features);
    prediction.add(row.prediction);
    against.add(row.against ?? null);
  }
  columns.reads = Buffer.from(recordPackr.pack(rows.map(({ reads }) => reads ?? null)));
  const bytes = packr.pack(columns);
  return Buffer.concat([Buffer.of(FORMAT.columns), bytes]);
}

export function decodeBlock(bytes: Buffer, wanted: { readonly reads: boolean }): BlockRow[] {
  const format = bytes[0];
  if (format === FORMAT.json) return fromJson(bytes.subarray(1));
  invariant(format === FORMAT.columns, `a block of predictions has the unknown format ${format}`);
  const columns = packr.unpack(bytes.subarray(1)) as Columns;
  const entity = objectsOf(columns.entity);
  const features = objectsOf(columns.features);
  const prediction = objectsOf(columns.prediction);
  const against = objectsOf(columns.against);
  const reads = wanted.reads ? (recordPackr.unpack(columns.reads) as (JsonObject | null)[]) : undefined;
  return columns.id.map((id, at) => {
    const [variant, role, model, version, member, routed, failure] = columns.sources[columns.source[at]!]!;
    const other = against[at];
    const read = reads?.[at];
    return {
      id,
      requestId: columns.requestId[at]!,
      ordinal: columns.ordinal[at]!,
      age: columns.age[at]!,
      latencyMs: columns.latencyMs[at]!,
      variant,
      role,
      model,
      version,
      ...(member !== null && { member }),
      ...(routed !== null && { routed }),
      ...(failure !== null && { failure }),
      entity: entity[at] as JsonObject | null,
      features: features[at] as JsonObject,
      prediction: prediction[at]!,
      ...(other !== null && { against: other! }),
      ...(read !== undefined && read !== null && { reads: read }),
    };
  });
}

function fromJson(bytes: Buffer): BlockRow[] {
  const rows = JSON.parse(bytes.toString('utf8')) as readonly (Omit<BlockRow, 'age' | 'role' | 'reads'> & {
    readonly at: number;
    readonly reads: JsonObject | null;
  })[];
  const newest = rows[0]?.at ?? 0;
  return rows.map(({ at, reads, ...row }) => ({
    ...row,
    role: 'answer',
    age: (newest - at) / 1_000,
    ...(reads !== null && { reads }),
  }));
}

function sourcesOf(): { readonly all: Source[]; at(row: NewPrediction): number } {
  const all: Source[] = [];
  let last = -1;
  return {
    all,
    at: (row) => {
      const { variant, role = 'answer', model, version, member = null, routed = null, failure = null } = row;
      const is = (source: Source | undefined): boolean =>
        source !== undefined &&
        source[0] === variant &&
        source[1] === role &&
        source[2] === model &&
        source[3] === version &&
        source[4] === member &&
        source[5] === routed &&
        source[6] === failure;
      if (is(all[last])) return last;
      last = all.findIndex(is);
      if (last < 0) last = all.push([variant, role, model, version, member, routed, failure]) - 1;
      return last;
    },
  };
}

function shaped(): { readonly column: Shaped; add(value: JsonValue): void } {
  const column: Shaped = { shapes: [], kinds: [], values: [] };
  let last = -1;
  return {
    column,
    add: (value) => {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        column.kinds.push(-1);
        column.values.push(value);
        return;
      }
      const names = Object.keys(value);
      if (!areSame(names, column.shapes[last])) {
        last = column.shapes.findIndex((shape) => areSame(names, shape));
        if (last < 0) last = column.shapes.push(names) - 1;
      }
      column.kinds.push(last);
      for (const name of names) column.values.push((value as JsonObject)[name]);
    },
  };
}

function objectsOf({ shapes, kinds, values }: Shaped): JsonValue[] {
  let next = 0;
  return kinds.map((kind) => {
    if (kind < 0) return values[next++] as JsonValue;
    const object: Record<string, JsonValue> = {};
    for (const name of shapes[kind]!) {
      // A feature may have any name.
      if (name === '__proto__') Object.defineProperty(object, name, { value: values[next], enumerable: true });
      else object[name] = values[next] as JsonValue;
      next += 1;
    }
    return object;
  });
}

function areSame(names: readonly string[], others: readonly string[] | undefined): boolean {
  if (others === undefined || names.length !== others.length) return false;
  for (let at = 0; at < names.length; at += 1) if (names[at] !== others[at]) return false;
  return true;
}
