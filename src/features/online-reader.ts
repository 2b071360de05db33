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
import type { ComputedFeature } from '../stores/offline.ts';
import type { OnlineRecord, OnlineStore } from '../stores/online.ts';
import { compileComputed, neededFor } from './computed-features.ts';
import { featureSetSpec, keyColumns, ttlMicros } from './definitions.ts';
import { coerceKey, encodeKey } from './entity-key.ts';
import { formatTimestamp, microsOf } from './time.ts';
import { presentedValue } from './values.ts';
import { onlineTable, servingVersion, type VersionCache } from './versions.ts';

/** present: a value within its ttl. null: known to be null. not_found: no record of the key. expired: older than the ttl. */
export type FeatureStatus = 'present' | 'null' | 'not_found' | 'expired';

export interface OnlineRow {
  readonly entity: Readonly<Record<string, unknown>>;
  /** By the name asked for. Null unless present. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, FeatureStatus>>;
  /** ISO 8601 UTC by the name asked for; null where there is no record. */
  readonly eventTime: Readonly<Record<string, string | null>>;
}

export interface FeatureReader {
  /**
   * One round trip for any number of entities and sets. `features` as `set.feature`, or `set@2.feature` for a version.
   * Rows in the order of `entities`. FS201, FS202 and FS206 for what is not there.
   */
  read(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
  ): Promise<readonly OnlineRow[]>;
}

interface Asked {
  readonly name: string;
  readonly feature: string;
}

/** What of one set version a request reads. */
interface SetRead {
  readonly version: FeatureSetVersion;
  readonly asked: readonly Asked[];
  readonly computed: readonly ComputedFeature[];
  readonly ttl: bigint | null;
}

export function createFeatureReader(parts: {
  readonly catalog: Catalog;
  readonly online: OnlineStore;
  readonly clock: Clock;
  readonly versions: VersionCache;
}): FeatureReader {
  const compiled = new Map<string, readonly ComputedFeature[]>();

  function computedOf(version: FeatureSetVersion): readonly ComputedFeature[] {
    const id = `${version.set}@${version.version}:${version.digest}`;
    const found = compiled.get(id) ?? compileComputed(version.set, version.structure);
    compiled.set(id, found);
    return found;
  }

  async function plan(features: readonly string[]): Promise<readonly SetRead[]> {
    const versions = await parts.versions.get();
    const reads = new Map<string, { version: FeatureSetVersion; asked: Asked[] }>();
    for (const name of features) {
      const { set, version, feature } = parseFeature(name);
      const spec = featureSetSpec(parts.catalog, set);
      const serving = servingVersion(
        versions.filter((known) => known.set === spec.name),
        set,
        version,
      );
      if (!Object.hasOwn(serving.structure.features, feature)) {
        throw new MlopsError('FS201', {
          address: `feature_set.${set}`,
          detail: `Version ${serving.version} of the feature set ${set}, which serves, has no feature ${feature}.`,
          hint: didYouMean(feature, Object.keys(serving.structure.features)),
          status: 404,
        });
      }
      const id = `${set}@${serving.version}`;
      const read = reads.get(id) ?? { version: serving, asked: [] };
      read.asked.push({ name, feature });
      reads.set(id, read);
    }
    return [...reads.values()].map(({ version, asked }) => ({
      version,
      asked,
      computed: neededFor(
        asked.map(({ feature }) => feature),
        computedOf(version),
      ).computed,
      ttl: ttlMicros(featureSetSpec(parts.catalog, version.set)),
    }));
  }

  /** What is applied and what is recorded are read one after the other: a rename in between is seen when both are read again. */
  async function planAfresh(features: readonly string[]): Promise<readonly SetRead[]> {
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

  return {
    read: async (entities, features) => {
      const reads = await planAfresh(features);
      const requests = reads.map(({ version }) => {
        const keys = keyColumns(version.structure);
        const types = Object.fromEntries(keys.map((key) => [key.name, key.type]));
        return {
          table: onlineTable(version),
          keys: entities.map((entity) =>
            encodeKey(
              keys.map((key) => key.type),
              Object.values(coerceKey(version.set, types, entity)),
            ),
          ),
        };
      });
      const records = await parts.online.read(requests);
      const now = microsOf(parts.clock.now());
      return entities.map((entity, row) => {
        const found = new Map(
          reads
            .flatMap((read, index) => answersOf(read, records[index]?.[row], now))
            .map((answer) => [answer.name, answer]),
        );
        const answers = features.flatMap((name) => found.get(name) ?? []);
        return {
          entity,
          features: Object.fromEntries(answers.map((answer) => [answer.name, answer.value])),
          status: Object.fromEntries(answers.map((answer) => [answer.name, answer.status])),
          eventTime: Object.fromEntries(answers.map((answer) => [answer.name, answer.eventTime])),
        };
      });
    },
  };
}

function answersOf(
  { version, asked, computed, ttl }: SetRead,
  record: OnlineRecord | undefined,
  now: bigint,
): readonly {
  readonly name: string;
  readonly value: unknown;
  readonly status: FeatureStatus;
  readonly eventTime: string | null;
}[] {
  if (record === undefined || record.eventTime > now)
    return asked.map(({ name }) => ({ name, value: null, status: 'not_found', eventTime: null }));
  const eventTime = formatTimestamp(record.eventTime);
  if (ttl !== null && record.eventTime < now - ttl)
    return asked.map(({ name }) => ({ name, value: null, status: 'expired', eventTime }));
  const values: Record<string, unknown> = { ...record.values };
  for (const feature of computed) values[feature.name] = feature.evaluate(values);
  return asked.map(({ name, feature }) => {
    const dtype = version.structure.features[feature]?.dtype as Dtype;
    const value = presentedValue(dtype, values[feature] ?? null);
    return { name, value, status: value === null ? 'null' : 'present', eventTime };
  });
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
