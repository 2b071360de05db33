/**
 * What is answered of a record at a moment. One older than its set's ttl is expired; one of a time to come is not seen yet; computed
 * features are computed from what the record has.
 */
import type { Dtype } from '../spec/schema-types.ts';
import type { FeatureSetVersion } from '../stores/control/feature-state.ts';
import type { ComputedFeature } from '../stores/offline-rows.ts';
import type { StoredRecord } from '../stores/online.ts';
import { formatTimestamp } from './time.ts';
import { presentedValue } from './values.ts';

/** present: a value within its ttl. null: known to be null. not_found: no record of the key. expired: older than the ttl. */
export type FeatureStatus = 'present' | 'null' | 'not_found' | 'expired';

/** An answer without the names: everything in the order of the features asked for. */
export interface AlignedRow {
  /** Null unless present. */
  readonly values: readonly unknown[];
  readonly statuses: readonly FeatureStatus[];
  /** ISO 8601 UTC; null where there is no record. */
  readonly eventTimes: readonly (string | null)[];
}

export interface ReadOrigin {
  readonly version: number;
  /** Null where there is none that counts yet. */
  readonly record: { readonly sequence: number; readonly eventTime: string } | null;
  /** The record is older than the ttl. */
  readonly expired: boolean;
}

/** The version of a set that is read, and what of it is asked for. */
export interface RowSource {
  readonly version: FeatureSetVersion;
  readonly asked: readonly Asked[];
  readonly computed: readonly ComputedFeature[];
  readonly ttl: bigint | null;
  readonly repeated: Repeated;
  /** Of the last record: mostly all have the same columns. */
  found: Found;
}

export interface Asked {
  readonly feature: string;
  /** Its place in the request. */
  readonly at: number;
  readonly dtype: Dtype;
}

/** Where the features that are asked for stand among the columns of a record; undefined: not there. */
export interface Found {
  readonly columns: readonly string[] | undefined;
  readonly places: readonly (number | undefined)[];
}

/** Lists of one value throughout, of which rows are mostly made: made once, frozen, so that they are known by themselves. */
export interface Repeated {
  readonly present: readonly FeatureStatus[];
  readonly null: readonly FeatureStatus[];
  readonly not_found: readonly FeatureStatus[];
  readonly expired: readonly FeatureStatus[];
  readonly nulls: readonly null[];
  /** Of the last event time: rows that were written together share it. */
  eventTime: { readonly text: string; readonly list: readonly string[] };
}

export function repeatedOf(length: number): Repeated {
  return {
    present: throughout('present', length),
    null: throughout('null', length),
    not_found: throughout('not_found', length),
    expired: throughout('expired', length),
    nulls: throughout(null, length),
    eventTime: { text: '', list: [] },
  };
}

const throughout = <T>(value: T, length: number): readonly T[] => Object.freeze(new Array<T>(length).fill(value));

/** A row an entity. `records`: by read and entity; `features`: how many were asked for. */
export function alignedRows(
  reads: readonly RowSource[],
  records: readonly (readonly (StoredRecord | undefined)[])[],
  { entities, features, now }: { readonly entities: number; readonly features: number; readonly now: bigint },
): readonly AlignedRow[] {
  const rows: AlignedRow[] = [];
  const [only] = reads;
  for (let row = 0; row < entities; row += 1) {
    rows.push(
      only !== undefined && reads.length === 1
        ? rowOf(only, records[0]?.[row], now)
        : joined(
            reads.map((read, index) => ({ read, row: rowOf(read, records[index]?.[row], now) })),
            features,
          ),
    );
  }
  return rows;
}

/** Of several sets. */
function joined(
  parts: readonly { readonly read: RowSource; readonly row: AlignedRow }[],
  features: number,
): AlignedRow {
  const values = new Array<unknown>(features);
  const statuses = new Array<FeatureStatus>(features);
  const eventTimes = new Array<string | null>(features);
  for (const { read, row } of parts) {
    for (let index = 0; index < read.asked.length; index += 1) {
      const { at } = read.asked[index] as Asked;
      values[at] = row.values[index];
      statuses[at] = row.statuses[index] as FeatureStatus;
      eventTimes[at] = row.eventTimes[index] as string | null;
    }
  }
  return { values, statuses, eventTimes };
}

/** In the order of the features that are asked of this set. */
function rowOf(read: RowSource, record: StoredRecord | undefined, now: bigint): AlignedRow {
  const { repeated, ttl } = read;
  const { nulls } = repeated;
  if (record === undefined || record.eventTime > now)
    return { values: nulls, statuses: repeated.not_found, eventTimes: nulls };
  const eventTimes = timesOf(repeated, formatTimestamp(record.eventTime), read.asked.length);
  if (ttl !== null && record.eventTime < now - ttl) return { values: nulls, statuses: repeated.expired, eventTimes };
  const values = valuesOf(read, record);
  return { values, statuses: statusesOf(repeated, values), eventTimes };
}

function timesOf(repeated: Repeated, text: string, length: number): readonly string[] {
  if (repeated.eventTime.text !== text) repeated.eventTime = { text, list: throughout(text, length) };
  return repeated.eventTime.list;
}

function statusesOf(repeated: Repeated, values: readonly unknown[]): readonly FeatureStatus[] {
  let nulls = 0;
  for (let at = 0; at < values.length; at += 1) if (values[at] === null) nulls += 1;
  if (nulls === 0) return repeated.present;
  if (nulls === values.length) return repeated.null;
  return values.map((value) => (value === null ? 'null' : 'present'));
}

function valuesOf(read: RowSource, record: StoredRecord): readonly unknown[] {
  const { asked, computed } = read;
  const { columns, row } = record;
  if (computed.length > 0) {
    const named = withComputed(computed, record);
    return asked.map(({ feature, dtype }) => presentedValue(dtype, named[feature] ?? null));
  }
  if (read.found.columns !== columns)
    read.found = { columns, places: asked.map(({ feature }) => indexOf(columns, feature)) };
  const { places } = read.found;
  const values = new Array<unknown>(asked.length);
  for (let index = 0; index < values.length; index += 1) {
    const place = places[index];
    const found = place === undefined ? null : row[place];
    values[index] = typeof found === 'number' ? found : presentedValue((asked[index] as Asked).dtype, found ?? null);
  }
  return values;
}

function withComputed(computed: readonly ComputedFeature[], record: StoredRecord): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = record.values;
  for (const feature of computed) values[feature.name] = feature.evaluate(values);
  return values;
}

function indexOf(columns: readonly string[], feature: string): number | undefined {
  const at = columns.indexOf(feature);
  return at < 0 ? undefined : at;
}

/** The record that a row was made from. */
export function originOf({ version, ttl }: RowSource, record: StoredRecord | undefined, now: bigint): ReadOrigin {
  if (record === undefined || record.eventTime > now) return { version: version.version, record: null, expired: false };
  const { sequence, eventTime } = record;
  return {
    version: version.version,
    record: { sequence, eventTime: formatTimestamp(eventTime) },
    expired: ttl !== null && eventTime < now - ttl,
  };
}
