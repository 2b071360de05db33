/**
 * Rows that clients push: recorded first in the control store (a later materialization puts them into the offline store),
 * written online in the same breath. An update older than what is stored never wins.
 */
import type { Clock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import type { OnlineStore } from '../stores/online.ts';
import { keyColumns, storedFeatures } from './definitions.ts';
import { coerceKey, encodeKey } from './entity-key.ts';
import { microsOf, parseTimestamp } from './time.ts';
import { coerceValue, type Value } from './values.ts';
import { servingVersion } from './versions.ts';

export interface FeatureUpdate {
  readonly entity: Readonly<Record<string, unknown>>;
  /** By feature. What is left out keeps the value that is stored. */
  readonly features: Readonly<Record<string, unknown>>;
  /** ISO 8601. Default: now. */
  readonly eventTime?: string | undefined;
}

export interface PushParts {
  readonly online: OnlineStore;
  readonly featureState: FeatureState;
  readonly clock: Clock;
}

/** Returns how many of the updates were newer than what was stored. All or none are recorded. */
export async function push(
  parts: PushParts,
  set: string,
  updates: readonly FeatureUpdate[],
): Promise<{ readonly applied: number }> {
  const versions = await parts.featureState.versions(set);
  const version = pushedVersion(versions, set);
  const { structure } = version;
  const keys = keyColumns(structure);
  const types = keys.map((key) => key.type);
  const table = { set, version: version.version };
  const now = microsOf(parts.clock.now());
  const rows = updates.map((update) => {
    const key = coerceKey(set, Object.fromEntries(keys.map(({ name, type }) => [name, type])), update.entity);
    const eventTime = update.eventTime === undefined ? now : parseTimestamp(update.eventTime);
    if (eventTime === undefined)
      throw new MlopsError('FS202', {
        address: `feature_set.${set}`,
        detail: `${JSON.stringify(update.eventTime)} is no event time.`,
        hint: 'write it like 2026-01-02T03:04:05Z',
        status: 422,
      });
    return {
      key,
      encoded: encodeKey(types, Object.values(key)),
      eventTime,
      createdTime: structure.createdTime === null ? null : now,
      given: coerceFeatures(set, structure, update.features),
    };
  });
  // Two updates of one entity in one call build on each other, so what is stored is read once and carried along.
  const stored = await parts.online.read([{ table, keys: rows.map((row) => row.encoded) }]);
  const current = new Map(
    rows.map((row, index) => [Buffer.from(row.encoded).toString('hex'), stored[0]?.[index]?.values ?? {}]),
  );
  const complete = rows.map(({ encoded, given, ...row }) => {
    const id = Buffer.from(encoded).toString('hex');
    const before = current.get(id) ?? {};
    const values: Readonly<Record<string, Value>> = Object.fromEntries(
      storedFeatures(structure).map(({ name }) => [
        name,
        given[name] === undefined ? ((before[name] ?? null) as Value) : given[name],
      ]),
    );
    current.set(id, values);
    return { ...row, key: jsonSafe(row.key), values: jsonSafe(values) };
  });
  let applied = 0;
  await parts.featureState.push(set, version.version, complete, async (recorded) => {
    applied = await parts.online.write(
      table,
      recorded.map(({ sequence, eventTime, createdTime, values }, index) => ({
        key: rows[index]?.encoded ?? new Uint8Array(),
        record: { sequence, eventTime, createdTime, values: typedValues(structure, values) },
      })),
    );
  });
  return { applied };
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
      if (value === undefined)
        throw new MlopsError('API422', {
          address: `feature_set.${set}`,
          detail: `The feature ${name} of ${set} is ${feature.dtype}; ${JSON.stringify(raw)} is not.`,
        });
      return [name, value];
    }),
  );
}

/** Integers beyond 2^53 travel as text in JSON; their type is known from the structure. */
function jsonSafe(values: Readonly<Record<string, Value>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
  );
}

function typedValues(
  structure: FeatureSetStructure,
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    storedFeatures(structure).map(({ name, dtype }) => {
      const value = values[name] ?? null;
      return [name, dtype === 'int64' ? (coerceValue('int64', value) ?? null) : value];
    }),
  );
}
