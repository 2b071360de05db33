/**
 * What a request reads, from the features that it names: which versions of which sets, by which keys, and where each answer goes.
 * Requests ask for the same features again and again, so it is made once, for as long as what is applied and recorded stays as it is.
 */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion } from '../stores/control/feature-state.ts';
import type { ComputedFeature, KeyColumn } from '../stores/offline-rows.ts';
import type { OnlineTable } from '../stores/online.ts';
import { compileComputed, neededFor } from './computed-features.ts';
import { featureSetSpec, keyColumns, ttlMicros } from './definitions.ts';
import { parseFeature } from './feature-name.ts';
import { type Asked, type RowSource, repeatedOf } from './online-row.ts';
import type { UsageCounter } from './usage.ts';
import type { VersionCache } from './version-cache.ts';
import { onlineTable, servingVersion } from './versions.ts';

export interface ReadPlan {
  readonly features: readonly string[];
  readonly reads: readonly SetRead[];
  /** Of each read its set as it was asked for, `set` or `set@2`. */
  readonly sets: readonly string[];
  /** By reader. */
  readonly counters: Map<string, UsageCounter>;
}

/** What of one set version a request reads. */
export interface SetRead extends RowSource {
  readonly table: OnlineTable;
  readonly keys: readonly KeyColumn[];
}

export interface ReadPlans {
  /** FS201 and FS206 where there is nothing of that name, or nothing that serves. */
  of(features: readonly string[]): Promise<ReadPlan>;
  /** The same from what is known now, which may be old; undefined where nothing is. */
  now(features: readonly string[]): ReadPlan | undefined;
}

/** More kinds of request than this start afresh. */
export const KEPT_PLANS = 500;

export function createReadPlans({
  catalog,
  versions: cache,
}: {
  readonly catalog: Catalog;
  readonly versions: VersionCache;
}): ReadPlans {
  const compiled = new Map<string, readonly ComputedFeature[]>();
  /** Good for as long as what they were made from is what is known. */
  const plans = new Map<string, ReadPlan>();
  let byList = new WeakMap<readonly string[], ReadPlan>();
  let madeFrom: { readonly versions: readonly FeatureSetVersion[]; readonly revision: number } | undefined;

  function planWith(features: readonly string[], versions: readonly FeatureSetVersion[]): ReadPlan {
    const { revision } = catalog;
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

  function planOf(features: readonly string[], versions: readonly FeatureSetVersion[]): ReadPlan {
    const id = features.join('\0');
    const known = plans.get(id);
    if (known !== undefined && known.features.length === features.length) return known;
    const reads = readsOf(features, versions);
    const sets = reads.map(({ asked }) => (features[asked[0]?.at ?? 0] ?? '').split('.')[0] ?? '');
    const made = { features: [...features], reads, sets, counters: new Map() };
    plans.set(id, made);
    return made;
  }

  function readsOf(features: readonly string[], versions: readonly FeatureSetVersion[]): readonly SetRead[] {
    const reads = new Map<string, { version: FeatureSetVersion; asked: Asked[] }>();
    for (const [at, name] of features.entries()) {
      const { set, version, feature } = parseFeature(name);
      const spec = featureSetSpec(catalog, set);
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
      ttl: ttlMicros(featureSetSpec(catalog, version.set)),
      repeated: repeatedOf(asked.length),
      found: { columns: undefined, places: [] },
    }));
  }

  function computedOf(version: FeatureSetVersion): readonly ComputedFeature[] {
    const id = `${version.set}@${version.version}:${version.digest}`;
    const found = compiled.get(id) ?? compileComputed(version.set, version.structure);
    compiled.set(id, found);
    return found;
  }

  /** What is applied and what is recorded are read one after the other: a rename in between is seen when both are read again. */
  async function of(features: readonly string[]): Promise<ReadPlan> {
    try {
      return planWith(features, await cache.get());
    } catch (error) {
      if (!(error instanceof MlopsError) || (error.code !== 'FS206' && error.code !== 'FS201')) throw error;
      const { revision } = catalog;
      await catalog.refresh();
      if (error.code === 'FS201' && catalog.revision === revision) throw error;
      cache.forget();
      return planWith(features, await cache.get());
    }
  }

  return {
    of,
    now: (features) => {
      const versions = cache.peek();
      return versions === undefined ? undefined : planWith(features, versions);
    },
  };
}
