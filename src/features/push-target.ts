/** What a push is for one version of its set: its rows by the version's own keys, times and types. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { FeatureSetVersion, NewUpdate, PendingUpdate } from '../stores/control/feature-state.ts';
import type { OnlineRecord, OnlineStore } from '../stores/online.ts';
import { keyColumns, storedFeatures } from './definitions.ts';
import { coerceKey, encodeKey } from './entity-key.ts';
import type { PushJudge } from './judge-push.ts';
import { everyRow } from './refused-rows.ts';
import { formatTimestamp, microsOf, parseTimestamp } from './time.ts';
import { coerceValue, misfitReason, type Value } from './values.ts';
import { onlineTable } from './versions.ts';

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

const CLOCK_SKEW_MICROS = 5_000_000n;

type Stored = Pick<OnlineRecord, 'eventTime' | 'values'>;

export interface PushTargetVersion {
  readonly version: FeatureSetVersion;
  /** What became of rows that break an expectation. */
  readonly judge: PushJudge;
  /** While no other push of the set is under way: what is left out builds on what is served, and times ascend. */
  complete(now: Date): Promise<readonly NewUpdate[]>;
  /** How many were newer than what was served. */
  serve(recorded: readonly PendingUpdate[]): Promise<number>;
}

/**
 * What is wrong with any of the rows is told of all at once. A feature that this version does not have, but one of `others`, is
 * left out; FS201 where none has it, or a row has none of this version's.
 */
export function pushTarget<Row>(
  online: OnlineStore,
  version: FeatureSetVersion,
  rows: readonly Row[],
  read: (structure: FeatureSetStructure) => (row: Row) => FeatureUpdate,
  {
    others,
    ttl,
    judge,
  }: { readonly others: readonly FeatureSetVersion[]; readonly ttl: bigint | null; readonly judge: PushJudge },
): PushTargetVersion {
  const { set, structure } = version;
  const stored = storedFeatures(structure);
  const elsewhere = new Set(others.flatMap((other) => storedFeatures(other.structure).map(({ name }) => name)));
  for (const { name } of stored) elsewhere.delete(name);
  const keys = keyColumns(structure);
  const keyTypes = Object.fromEntries(keys.map(({ name, type }) => [name, type]));
  const updateOf = read(withFeatures(structure, others, elsewhere));
  const given = everyRow(rows, (row) => {
    const update = updateOf(row);
    const key = coerceKey(set, keyTypes, update.entity);
    const encoded = encodeKey(
      keys.map(({ type }) => type),
      Object.values(key),
    );
    const own = Object.entries(update.features).filter(([name]) => !elsewhere.has(name));
    if (own.length === 0 && Object.keys(update.features).length > 0)
      throw unknownFeature(set, structure, Object.keys(update.features)[0] ?? '');
    return {
      key,
      encoded,
      id: Buffer.from(encoded).toString('hex'),
      eventTime: readTime(set, 'event', update.eventTime),
      createdTime: structure.createdTime === null ? undefined : readTime(set, 'created', update.createdTime),
      features: coerceFeatures(set, structure, Object.fromEntries(own)),
    };
  });
  const table = onlineTable(version);
  const whole = given.every(({ features }) => stored.every(({ name }) => features[name] !== undefined));

  let accepted: Uint8Array[] = [];

  async function complete(at: Date): Promise<readonly NewUpdate[]> {
    const now = microsOf(at);
    const [found = []] = whole ? [] : await online.read([{ table, keys: given.map(({ encoded }) => encoded) }]);
    const latest = new Map<string, Stored | undefined>(given.map(({ id }, index) => [id, found[index]]));
    judge.begin();
    accepted = [];
    const judged = everyRow(
      given,
      ({ id, key, encoded, features, eventTime: asked = now, createdTime: known = now }) => {
        const eventTime = notAhead(set, 'event', asked, now);
        const before = latest.get(id);
        const kept = before !== undefined && isKnownAt(before, eventTime, ttl) ? before.values : {};
        const values = Object.fromEntries(
          stored.map(({ name }) => [
            name,
            features[name] === undefined ? ((kept[name] ?? null) as Value) : features[name],
          ]),
        );
        const createdTime = structure.createdTime === null ? null : notAhead(set, 'created', known, now);
        const row = { version: version.version, key: jsonSafe(key), eventTime, createdTime, values: jsonSafe(values) };
        if (!judge.accepts(row)) return undefined;
        accepted.push(encoded);
        // Two updates of one entity in one call build on each other.
        if (before === undefined || eventTime >= before.eventTime) latest.set(id, { eventTime, values });
        return row;
      },
    );
    return judged.filter((row) => row !== undefined);
  }

  return {
    version,
    judge,
    complete,
    serve: (recorded) =>
      online.write(
        table,
        recorded.map(({ sequence, eventTime, createdTime, values }, index) => ({
          key: accepted[index] ?? new Uint8Array(),
          record: { sequence, eventTime, createdTime, values: typedValues(structure, values) },
        })),
      ),
  };
}

/** Rows may say what another version has. */
function withFeatures(
  structure: FeatureSetStructure,
  others: readonly FeatureSetVersion[],
  names: ReadonlySet<string>,
): FeatureSetStructure {
  if (names.size === 0) return structure;
  const more = others.flatMap((other) => Object.entries(other.structure.features).filter(([name]) => names.has(name)));
  return { ...structure, features: { ...structure.features, ...Object.fromEntries(more) } };
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

function unknownFeature(set: string, structure: FeatureSetStructure, name: string): MlopsError {
  return new MlopsError('FS201', {
    address: `feature_set.${set}`,
    detail: `The feature set ${set} stores no feature ${name}.`,
    hint: didYouMean(
      name,
      storedFeatures(structure).map((candidate) => candidate.name),
    ),
    status: 422,
  });
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
      if (feature === undefined) throw unknownFeature(set, structure, name);
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

export function typedValues(
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
