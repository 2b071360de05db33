/**
 * Rows that clients push: recorded first in the control store (a later materialization puts them into the offline store),
 * written online in the same breath; or only the one, or only the other. An update older than what is stored never wins.
 */
import type { Clock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState, PendingUpdate } from '../stores/control/feature-state.ts';
import type { OnlineRecord, OnlineStore } from '../stores/online.ts';
import { featureSetSpec, keyColumns, storedFeatures, ttlMicros } from './definitions.ts';
import { coerceKey, encodeKey } from './entity-key.ts';
import { everyRow } from './refused-rows.ts';
import { formatTimestamp, microsOf, parseTimestamp } from './time.ts';
import { coerceValue, misfitReason, type Value } from './values.ts';
import { onlineTable, servingVersion } from './versions.ts';

export interface FeatureUpdate {
  readonly entity: Readonly<Record<string, unknown>>;
  /**
   * By feature. What is left out keeps the value that is stored; it is null where that value has expired by the event time
   * or came after it: nothing later may be learned from.
   */
  readonly features: Readonly<Record<string, unknown>>;
  /** ISO 8601. Default: now. FS202 where it lies ahead; up to 5 s of a clock that is fast count as now. */
  readonly eventTime?: string | undefined;
  /** When it became known, the same way. Ignored where the set has no created time. */
  readonly createdTime?: string | undefined;
}

/**
 * `online`: served at once, and never trained on. `offline`: recorded, and with the next materialization trained on and, where
 * it is the newest of its key, served.
 */
export const PUSH_TARGETS = ['online', 'offline', 'online_and_offline'] as const;
export type PushTarget = (typeof PUSH_TARGETS)[number];

export interface PushOptions<Row> {
  /** Default: both. */
  readonly to?: PushTarget;
  /** What each of the rows says, of a version of this structure. Its errors count as the row's. */
  readonly read: (structure: FeatureSetStructure) => (row: Row) => FeatureUpdate;
}

export interface PushParts {
  readonly catalog: Catalog;
  readonly online: OnlineStore;
  readonly featureState: FeatureState;
  readonly clock: Clock;
}

const CLOCK_SKEW_MICROS = 5_000_000n;

type Stored = Pick<OnlineRecord, 'eventTime' | 'values'>;

/**
 * Returns how many of the rows were newer than what was served. All or none are recorded; what is wrong with any of them is
 * told of all at once.
 */
export async function push<Row>(
  parts: PushParts,
  set: string,
  rows: readonly Row[],
  { to = 'online_and_offline', read }: PushOptions<Row>,
): Promise<{ readonly applied: number }> {
  const versions = await parts.featureState.versions(set);
  if (versions.length === 0) featureSetSpec(parts.catalog, set);
  const version = pushedVersion(versions, set);
  const { structure } = version;
  const stored = storedFeatures(structure);
  const keys = keyColumns(structure);
  const keyTypes = Object.fromEntries(keys.map(({ name, type }) => [name, type]));
  const updateOf = read(structure);
  const given = everyRow(rows, (row) => {
    const update = updateOf(row);
    const key = coerceKey(set, keyTypes, update.entity);
    const encoded = encodeKey(
      keys.map(({ type }) => type),
      Object.values(key),
    );
    return {
      key,
      encoded,
      id: Buffer.from(encoded).toString('hex'),
      eventTime: readTime(set, 'event', update.eventTime),
      createdTime: structure.createdTime === null ? undefined : readTime(set, 'created', update.createdTime),
      features: coerceFeatures(set, structure, update.features),
    };
  });
  const spec = parts.catalog.get('feature_set', set)?.spec;
  const ttl = spec === undefined ? null : ttlMicros(spec);
  const table = onlineTable(version);
  const whole = given.every(({ features }) => stored.every(({ name }) => features[name] !== undefined));

  /** While no other push of the set is under way: what is left out builds on what is served, and times ascend. */
  async function complete(): Promise<readonly Omit<PendingUpdate, 'sequence'>[]> {
    const now = microsOf(parts.clock.now());
    const [found = []] = whole ? [] : await parts.online.read([{ table, keys: given.map(({ encoded }) => encoded) }]);
    const latest = new Map<string, Stored | undefined>(given.map(({ id }, index) => [id, found[index]]));
    return everyRow(given, ({ id, key, features, eventTime: asked = now, createdTime: known = now }) => {
      const eventTime = notAhead(set, 'event', asked, now);
      const before = latest.get(id);
      const kept = before !== undefined && isKnownAt(before, eventTime, ttl) ? before.values : {};
      const values = Object.fromEntries(
        stored.map(({ name }) => [
          name,
          features[name] === undefined ? ((kept[name] ?? null) as Value) : features[name],
        ]),
      );
      // Two updates of one entity in one call build on each other.
      if (before === undefined || eventTime >= before.eventTime) latest.set(id, { eventTime, values });
      const createdTime = structure.createdTime === null ? null : notAhead(set, 'created', known, now);
      return { key: jsonSafe(key), eventTime, createdTime, values: jsonSafe(values) };
    });
  }

  let applied = 0;
  await parts.featureState.push(
    { set: version.set, version: version.version, recorded: to !== 'online' },
    complete,
    async (recorded) => {
      if (to === 'offline') return;
      applied = await parts.online.write(
        table,
        recorded.map(({ sequence, eventTime, createdTime, values }, index) => ({
          key: given[index]?.encoded ?? new Uint8Array(),
          record: { sequence, eventTime, createdTime, values: typedValues(structure, values) },
        })),
      );
    },
  );
  return { applied };
}

function isKnownAt(before: Stored, at: bigint, ttl: bigint | null): boolean {
  return before.eventTime <= at && (ttl === null || before.eventTime >= at - ttl);
}

function readTime(set: string, which: 'event' | 'created', text: string | undefined): bigint | undefined {
  const time = text === undefined ? undefined : parseTimestamp(text);
  if (time !== undefined || text === undefined) return time;
  throw timeProblem(set, `${JSON.stringify(text)} is no ${which} time.`, 'write it like 2026-01-02T03:04:05Z');
}

/** A record of a time to come would hide the one that holds until then. */
function notAhead(set: string, which: 'event' | 'created', time: bigint, now: bigint): bigint {
  if (time <= now) return time;
  if (time <= now + CLOCK_SKEW_MICROS) return now;
  throw timeProblem(
    set,
    `The ${which} time ${formatTimestamp(time)} has not come yet: it is ${formatTimestamp(now)}.`,
    'send it when it has come; times are UTC unless they say otherwise',
  );
}

function timeProblem(set: string, detail: string, hint: string): MlopsError {
  return new MlopsError('FS202', { address: `feature_set.${set}`, detail, hint, status: 422 });
}

/** Pushing fills the serving version; a set that only lives from pushes has none yet and takes its newest. */
function pushedVersion(versions: readonly FeatureSetVersion[], set: string): FeatureSetVersion {
  const newest = versions.at(-1);
  if (newest === undefined || versions.some((version) => version.status === 'serving'))
    return servingVersion(versions, set);
  return newest;
}

function coerceFeatures(
  set: string,
  structure: FeatureSetStructure,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, Value>> {
  const features = storedFeatures(structure);
  return Object.fromEntries(
    Object.entries(given).map(([name, raw]) => {
      const feature = features.find((candidate) => candidate.name === name);
      if (feature === undefined) {
        throw new MlopsError('FS201', {
          address: `feature_set.${set}`,
          detail: `The feature set ${set} stores no feature ${name}.`,
          hint: didYouMean(
            name,
            features.map((candidate) => candidate.name),
          ),
          status: 422,
        });
      }
      const value = coerceValue(feature.dtype, raw);
      // JSON has no infinity: a number like 1e999 is read as one, and would be kept as null.
      if (value === undefined || (typeof value === 'number' && !Number.isFinite(value)))
        throw new MlopsError('API422', {
          address: `feature_set.${set}`,
          detail: `The feature ${name} of ${set} is ${feature.dtype}; ${shown(raw)} is not${misfitReason(feature.dtype, raw)}.`,
        });
      return [name, value];
    }),
  );
}

const SHOWN = 100;

function shown(raw: unknown): string {
  const text = typeof raw === 'number' ? String(raw) : JSON.stringify(raw);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Integers beyond 2^53 travel as text in JSON, embeddings as lists; their type is known from the structure. */
function jsonSafe(values: Readonly<Record<string, Value>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, jsonValue(value)]));
}

function jsonValue(value: Value): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Float32Array) return Array.from(value);
  return Array.isArray(value) ? value.map(jsonValue) : value;
}

/** What JSON does not say by itself. */
const RETYPED = /^(int64|array<int64>|vector<\d+>)$/;

function typedValues(
  structure: FeatureSetStructure,
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    storedFeatures(structure).map(({ name, dtype }) => {
      const value = values[name] ?? null;
      return [name, RETYPED.test(dtype) ? (coerceValue(dtype, value) ?? null) : value];
    }),
  );
}
