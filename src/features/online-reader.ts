/**
 * Features of entities now, from the online store: what the point-in-time rule answers at this moment. A record older than
 * its set's ttl is expired; one of a time to come is not seen yet; computed features take the worst status of what they read.
 */
import type { Clock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion } from '../stores/control/feature-state.ts';
import type { ComputedFeature, KeyColumn } from '../stores/offline.ts';
import type { OnlineStore, OnlineTable, StoredRecord } from '../stores/online.ts';
import type { AnswerLog } from './answer-log.ts';
import { compileComputed, neededFor } from './computed-features.ts';
import { featureSetSpec, keyColumns, ttlMicros } from './definitions.ts';
import { encodeEntity } from './entity-key.ts';
import { formatTimestamp, microsOf } from './time.ts';
import type { ReadFeatures, Usage, UsageCounter } from './usage.ts';
import { presentedValue } from './values.ts';
import type { VersionCache } from './version-cache.ts';
import { onlineTable, servingVersion } from './versions.ts';

/** present: a value within its ttl. null: known to be null. not_found: no record of the key. expired: older than the ttl. */
export type FeatureStatus = 'present' | 'null' | 'not_found' | 'expired';

export interface OnlineRow {
  readonly entity: Readonly<Record<string, unknown>>;
  /** By the name asked for. Null unless present. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, FeatureStatus>>;
  /** ISO 8601 UTC by the name asked for; null where there is no record. */
  readonly eventTime: Readonly<Record<string, string | null>>;
  /** As of when it was read, ISO 8601 UTC. */
  readonly at: string;
  /** By set as it was asked for, `set` or `set@2`: the version that answered, and its record of the entity. */
  readonly origins: Readonly<Record<string, ReadOrigin>>;
}

export interface ReadOrigin {
  readonly version: number;
  /** Null where there is none that counts yet. */
  readonly record: { readonly sequence: number; readonly eventTime: string } | null;
  /** The record is older than the ttl. */
  readonly expired: boolean;
}

/** An answer without the names: everything in the order of the features asked for. */
export interface AlignedRow {
  /** Null unless present. */
  readonly values: readonly unknown[];
  readonly statuses: readonly FeatureStatus[];
  /** ISO 8601 UTC; null where there is no record. */
  readonly eventTimes: readonly (string | null)[];
}

export interface FeatureReader {
  /**
   * One round trip for any number of entities and sets. `features` as `set.feature`, or `set@2.feature` for a version.
   * Rows in the order of `entities`. FS201, FS202 and FS206 for what is not there. `reader`: under whose name it is counted.
   */
  read(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): Promise<readonly OnlineRow[]>;
  /** The same, for whoever puts the names to it once for all rows. */
  readAligned(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): Promise<readonly AlignedRow[]>;
  /** The same as `readAligned` where it can be told at once; undefined where it has to be waited for, or fails. */
  readNow(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): readonly AlignedRow[] | undefined;
  /** Of the versions that `read` reads, in the order of the features. The same errors. */
  dtypesOf(features: readonly string[]): Promise<readonly Dtype[]>;
}

/** What of one set version a request reads. */
interface SetRead {
  readonly version: FeatureSetVersion;
  readonly table: OnlineTable;
  readonly keys: readonly KeyColumn[];
  readonly asked: readonly Asked[];
  readonly computed: readonly ComputedFeature[];
  readonly ttl: bigint | null;
  /** Of the last record: mostly all have the same columns. */
  found: Found;
}

/** Where the features that are asked for stand among the columns of a record; undefined: not there. */
interface Found {
  readonly columns: readonly string[] | undefined;
  readonly places: readonly (number | undefined)[];
}

interface Asked {
  readonly feature: string;
  /** Its place in the request. */
  readonly at: number;
  readonly dtype: Dtype;
}

interface Plan {
  readonly features: readonly string[];
  readonly reads: readonly SetRead[];
  /** By reader. */
  readonly counters: Map<string, UsageCounter>;
}

/** Requests ask for the same features again and again; more kinds of request than this start afresh. */
const KEPT_PLANS = 500;

export function createFeatureReader(parts: {
  readonly catalog: Catalog;
  readonly online: OnlineStore;
  readonly clock: Clock;
  readonly versions: VersionCache;
  readonly usage: Usage;
  /** Keeps some of what `readAligned` and `readNow` answer to a reader with a name. */
  readonly answers?: AnswerLog | undefined;
}): FeatureReader {
  const compiled = new Map<string, readonly ComputedFeature[]>();
  /** Good for as long as what they were made from is what is known. */
  const plans = new Map<string, Plan>();
  let byList = new WeakMap<readonly string[], Plan>();
  let madeFrom: { readonly versions: readonly FeatureSetVersion[]; readonly revision: number } | undefined;

  function computedOf(version: FeatureSetVersion): readonly ComputedFeature[] {
    const id = `${version.set}@${version.version}:${version.digest}`;
    const found = compiled.get(id) ?? compileComputed(version.set, version.structure);
    compiled.set(id, found);
    return found;
  }

  async function plan(features: readonly string[]): Promise<Plan> {
    return planWith(features, await parts.versions.get());
  }

  function planWith(features: readonly string[], versions: readonly FeatureSetVersion[]): Plan {
    const { revision } = parts.catalog;
    if (madeFrom?.versions !== versions || madeFrom.revision !== revision || plans.size >= KEPT_PLANS) {
      plans.clear();
      byList = new WeakMap();
      madeFrom = { versions, revision };
    }
    const own = byList.get(features);
    if (own !== undefined) return own;
    const made = planOf(features, versions);
    // A list that nobody can change is known by itself.
    if (Object.isFrozen(features)) byList.set(features, made);
    return made;
  }

  function planOf(features: readonly string[], versions: readonly FeatureSetVersion[]): Plan {
    const id = features.join('\0');
    const known = plans.get(id);
    if (known !== undefined && known.features.length === features.length) return known;
    const made = { features: [...features], reads: readsOf(features, versions), counters: new Map() };
    plans.set(id, made);
    return made;
  }

  function readsOf(features: readonly string[], versions: readonly FeatureSetVersion[]): readonly SetRead[] {
    const reads = new Map<string, { version: FeatureSetVersion; asked: Asked[] }>();
    for (const [at, name] of features.entries()) {
      const { set, version, feature } = parseFeature(name);
      const spec = featureSetSpec(parts.catalog, set);
      const serving = servingVersion(
        versions.filter((known) => known.set === spec.name),
        set,
        version,
      );
      const found = Object.hasOwn(serving.structure.features, feature)
        ? serving.structure.features[feature]
        : undefined;
      if (found === undefined) {
        throw new MlopsError('FS201', {
          address: `feature_set.${set}`,
          detail: `Version ${serving.version} of the feature set ${set}, which serves, has no feature ${feature}.`,
          hint: didYouMean(feature, Object.keys(serving.structure.features)),
          status: 404,
        });
      }
      const id = `${set}@${serving.version}`;
      const read = reads.get(id) ?? { version: serving, asked: [] };
      read.asked.push({ feature, at, dtype: found.dtype as Dtype });
      reads.set(id, read);
    }
    return [...reads.values()].map(({ version, asked }) => ({
      version,
      asked,
      table: onlineTable(version),
      keys: keyColumns(version.structure),
      computed: neededFor(
        asked.map(({ feature }) => feature),
        computedOf(version),
      ).computed,
      ttl: ttlMicros(featureSetSpec(parts.catalog, version.set)),
      found: { columns: undefined, places: [] },
    }));
  }

  /** What is applied and what is recorded are read one after the other: a rename in between is seen when both are read again. */
  async function planAfresh(features: readonly string[]): Promise<Plan> {
    try {
      return await plan(features);
    } catch (error) {
      if (!(error instanceof MlopsError) || (error.code !== 'FS206' && error.code !== 'FS201')) throw error;
      const revision = parts.catalog.revision;
      await parts.catalog.refresh();
      if (error.code === 'FS201' && parts.catalog.revision === revision) throw error;
      parts.versions.forget();
      return plan(features);
    }
  }

  async function readRecords(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): Promise<{
    readonly plan: Plan;
    readonly reads: readonly SetRead[];
    readonly records: readonly (readonly (StoredRecord | undefined)[])[];
    readonly now: bigint;
    readonly latencyMs: number;
  }> {
    const plan = await planAfresh(features);
    const { reads } = plan;
    const begun = performance.now();
    const records = await parts.online.read(requestsOf(reads, entities));
    count(plan, reader, entities.length);
    return { plan, reads, records, now: microsOf(parts.clock.now()), latencyMs: performance.now() - begun };
  }

  function readNow(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): readonly AlignedRow[] | undefined {
    const versions = parts.online.readNow === undefined ? undefined : parts.versions.peek();
    if (versions === undefined) return undefined;
    try {
      const plan = planWith(features, versions);
      const { reads } = plan;
      const records = parts.online.readNow?.(requestsOf(reads, entities));
      if (records === undefined) return undefined;
      count(plan, reader, entities.length);
      const now = microsOf(parts.clock.now());
      const rows = rowsOf(reads, records, entities.length, features.length, now);
      keep(plan, reader, entities, { records, rows, now, latencyMs: 0 });
      return rows;
    } catch (error) {
      // Told by whoever waits for it: what is known may be old.
      if (error instanceof MlopsError) return undefined;
      throw error;
    }
  }

  function count({ reads, counters }: Plan, reader: string | undefined, entities: number): void {
    if (reader === undefined) return;
    let counter = counters.get(reader);
    if (counter === undefined) {
      counter = parts.usage.counter(reader, reads.map(readFeatures));
      if (counters.size < KEPT_PLANS) counters.set(reader, counter);
    }
    parts.usage.count(counter, entities);
  }

  /** One entity of it, where this request is drawn. */
  function keep(
    { reads }: Plan,
    reader: string | undefined,
    entities: readonly Readonly<Record<string, unknown>>[],
    found: {
      readonly records: readonly (readonly (StoredRecord | undefined)[])[];
      readonly rows: readonly AlignedRow[];
      readonly now: bigint;
      readonly latencyMs: number;
    },
  ): void {
    const { answers } = parts;
    if (answers === undefined || reader === undefined || !answers.isDrawn() || entities.length === 0) return;
    const row = answers.pick(entities.length);
    const { records, rows, now, latencyMs } = found;
    answers.add({
      reader,
      entity: entities[row] ?? {},
      at: formatTimestamp(now),
      latencyMs,
      reads: reads.map((read, index) => ({
        set: read.version.set,
        ...originOf(read, records[index]?.[row], now),
        features: read.asked.map(({ feature, at }) => [feature, rows[row]?.values[at]] as const),
      })),
    });
  }

  function rowsOf(
    reads: readonly SetRead[],
    records: readonly (readonly (StoredRecord | undefined)[])[],
    entities: number,
    features: number,
    now: bigint,
  ): readonly AlignedRow[] {
    const rows: AlignedRow[] = [];
    for (let row = 0; row < entities; row += 1) {
      const values = new Array<unknown>(features).fill(null);
      const statuses = new Array<FeatureStatus>(features).fill('not_found');
      const eventTimes = new Array<string | null>(features).fill(null);
      const into = { values, statuses, eventTimes };
      for (let index = 0; index < reads.length; index += 1)
        answer(reads[index] as SetRead, records[index]?.[row], now, into);
      rows.push(into);
    }
    return rows;
  }

  const readAligned: FeatureReader['readAligned'] = async (entities, features, reader) => {
    const { plan, reads, records, now, latencyMs } = await readRecords(entities, features, reader);
    const rows = rowsOf(reads, records, entities.length, features.length, now);
    keep(plan, reader, entities, { records, rows, now, latencyMs });
    return rows;
  };

  return {
    readAligned,
    readNow,
    dtypesOf: async (features) => {
      const dtypes = new Array<Dtype>(features.length);
      for (const { asked } of (await planAfresh(features)).reads) for (const { at, dtype } of asked) dtypes[at] = dtype;
      return dtypes;
    },
    read: async (entities, features, reader) => {
      const found = await readRecords(entities, features, reader);
      const rows = rowsOf(found.reads, found.records, entities.length, features.length, found.now);
      const at = formatTimestamp(found.now);
      const sets = found.reads.map(({ asked }) => (features[asked[0]?.at ?? 0] ?? '').split('.')[0] ?? '');
      const named = <T>(values: readonly T[]): Record<string, T> =>
        Object.fromEntries(features.map((name, at) => [name, values[at] as T]));
      return rows.map(({ values, statuses, eventTimes }, row) => ({
        entity: entities[row] ?? {},
        features: named(values),
        status: named(statuses),
        eventTime: named(eventTimes),
        at,
        origins: Object.fromEntries(
          found.reads.map((read, index) => [sets[index] ?? '', originOf(read, found.records[index]?.[row], found.now)]),
        ),
      }));
    },
  };
}

function requestsOf(reads: readonly SetRead[], entities: readonly Readonly<Record<string, unknown>>[]) {
  return reads.map(({ version, table, keys }) => ({
    table,
    keys: entities.map((entity) => encodeEntity(version.set, keys, entity)),
  }));
}

function originOf({ version, ttl }: SetRead, record: StoredRecord | undefined, now: bigint): ReadOrigin {
  if (record === undefined || record.eventTime > now) return { version: version.version, record: null, expired: false };
  const { sequence, eventTime } = record;
  return {
    version: version.version,
    record: { sequence, eventTime: formatTimestamp(eventTime) },
    expired: ttl !== null && eventTime < now - ttl,
  };
}

/** What is asked for, and what computed features read for it. */
function readFeatures({ version: { set, version }, asked, computed }: SetRead): ReadFeatures {
  const names = asked.map(({ feature }) => feature);
  return { set, version, features: [...neededFor(names, computed).reads] };
}

/** Fills in the places of the features that were asked of this set; untouched, they say that there is no record. */
function answer(
  read: SetRead,
  record: StoredRecord | undefined,
  now: bigint,
  into: { values: unknown[]; statuses: FeatureStatus[]; eventTimes: (string | null)[] },
): void {
  if (record === undefined || record.eventTime > now) return;
  const { asked, computed, ttl } = read;
  const eventTime = formatTimestamp(record.eventTime);
  if (ttl !== null && record.eventTime < now - ttl) {
    for (const { at } of asked) {
      into.statuses[at] = 'expired';
      into.eventTimes[at] = eventTime;
    }
    return;
  }
  const values = computed.length === 0 ? undefined : withComputed(computed, record);
  const { columns, row } = record;
  if (read.found.columns !== columns)
    read.found = { columns, places: asked.map(({ feature }) => indexOf(columns, feature)) };
  const { places } = read.found;
  for (let index = 0; index < asked.length; index += 1) {
    const { feature, at, dtype } = asked[index] as Asked;
    const place = places[index];
    const found = values !== undefined ? values[feature] : place === undefined ? null : row[place];
    const value = presentedValue(dtype, found ?? null);
    into.values[at] = value;
    into.statuses[at] = value === null ? 'null' : 'present';
    into.eventTimes[at] = eventTime;
  }
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

/** `set.feature` or `set@2.feature`. */
export function parseFeature(name: string): {
  readonly set: string;
  readonly version: number | undefined;
  readonly feature: string;
} {
  const match = /^([a-z][a-z0-9_-]{0,62})(?:@(\d{1,9}))?\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(name);
  if (match?.[1] === undefined || match[3] === undefined) {
    throw new MlopsError('FS201', {
      detail: `${JSON.stringify(name)} names no feature.`,
      hint: 'write set.feature, or set@2.feature for a version',
      status: 422,
    });
  }
  return { set: match[1], version: match[2] === undefined ? undefined : Number(match[2]), feature: match[3] };
}
