/** What a point-in-time join takes, of the features that someone names: their serving versions, their parts, their columns. */
import { MlopsError } from '../lib/error.ts';
import type { Column } from '../spec/column.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import type { JoinedSet } from '../stores/offline-join.ts';
import { compileComputed, neededFor } from './computed-features.ts';
import { featureSetSpec, keyColumns, storedFeatures, ttlMicros, unknown } from './definitions.ts';
import { parseFeature } from './feature-name.ts';
import { servingVersion } from './versions.ts';

interface WantedFeature {
  /** As it was asked for: `set.feature` or `set@2.feature`. */
  readonly name: string;
  /** What stands before its dot. */
  readonly set: string;
  readonly feature: string;
}

export interface WantedFeatures {
  readonly features: readonly WantedFeature[];
  /** By `set` or `set@2`. */
  readonly versions: ReadonlyMap<string, FeatureSetVersion>;
}

export interface JoinParts {
  readonly catalog: Catalog;
  readonly featureState: FeatureState;
}

const DEFAULT_TIME = 'event_time';

/** The features of a service as `set.feature`, in its order. FS201 where there is none of the name. */
export function featuresOf(catalog: Catalog, service: string): readonly string[] {
  const found = catalog.get('feature_service', service);
  if (found !== undefined) return found.spec.features;
  throw unknown(
    'feature service',
    service,
    catalog.list('feature_service').map((resource) => resource.name),
  );
}

/** FS206 where a set has nothing that serves. */
export async function wantedFeatures(parts: JoinParts, names: readonly string[]): Promise<WantedFeatures> {
  const known = await parts.featureState.versions();
  const versions = new Map<string, FeatureSetVersion>();
  const features = [...new Set(names)].map((name): WantedFeature => {
    const { set, version, feature } = parseFeature(name);
    const qualified = version === undefined ? set : `${set}@${version}`;
    if (!versions.has(qualified)) {
      const spec = featureSetSpec(parts.catalog, set);
      const own = known.filter((candidate) => candidate.set === spec.name);
      versions.set(qualified, servingVersion(own, set, version));
    }
    return { name, set: qualified, feature };
  });
  return { features, versions };
}

/** The sets of a join and the column that each feature becomes beside these columns of the spine. */
export async function joinOf(
  parts: JoinParts,
  wanted: WantedFeatures,
  spine: readonly Column[],
): Promise<{
  readonly sets: readonly JoinedSet[];
  /** What the sets are made from, in the same order. */
  readonly from: readonly JoinedFrom[];
  readonly columns: ReadonlyMap<string, string>;
  readonly time: string;
}> {
  const columns = columnNames(wanted.features, spine);
  const from: JoinedFrom[] = [];
  for (const [set, version] of wanted.versions)
    from.push(await joinedPart(parts, set, version, wanted.features, columns));
  return { sets: from.map(joinedFrom), from, columns, time: timeColumn(spine, [...wanted.versions.values()]) };
}

/** Each feature with the column that holds it and its dtype. */
export function outputsOf(
  { features, versions }: WantedFeatures,
  columns: ReadonlyMap<string, string>,
): readonly { readonly feature: string; readonly column: string; readonly dtype: string }[] {
  return features.map(({ name, set, feature }) => ({
    feature: name,
    column: columns.get(name) ?? feature,
    dtype: versions.get(set)?.structure.features[feature]?.dtype ?? 'float64',
  }));
}

/** A feature set's part of a join, as values. */
export interface JoinedFrom {
  /** `set` or `set@2`. */
  readonly set: string;
  readonly structure: FeatureSetStructure;
  readonly ttlMicros: bigint | null;
  readonly parts: readonly string[];
  readonly output: JoinedSet['output'];
}

export function joinedFrom({ set, structure, ttlMicros, parts, output }: JoinedFrom): JoinedSet {
  const { computed, reads } = neededFor(
    output.map(({ feature }) => feature),
    compileComputed(set, structure),
  );
  return {
    address: `feature_set.${set}`,
    parts,
    keys: keyColumns(structure),
    ttlMicros,
    asKnownAtSpine: structure.createdTime !== null && structure.asKnownAt !== 'now',
    stored: storedFeatures(structure).filter((feature) => reads.has(feature.name)),
    computed,
    output,
  };
}

async function joinedPart(
  parts: JoinParts,
  set: string,
  version: FeatureSetVersion,
  wanted: readonly WantedFeature[],
  columns: ReadonlyMap<string, string>,
): Promise<JoinedFrom> {
  const spec = featureSetSpec(parts.catalog, version.set);
  const { structure } = version;
  const mine = wanted.filter((feature) => feature.set === set);
  const output = mine.map(({ name, feature }) => {
    const dtype = structure.features[feature]?.dtype;
    if (dtype === undefined) {
      throw new MlopsError('FS201', {
        address: `feature_set.${set}`,
        detail: `Version ${version.version} of the feature set ${set}, which serves, has no feature ${feature}.`,
        hint: `materialize the set: mlops features materialize ${set}`,
      });
    }
    return { feature, dtype: dtype as Dtype, column: columns.get(name) ?? feature };
  });
  const recorded = await parts.featureState.parts(version.set, version.version);
  return { set, structure, ttlMicros: ttlMicros(spec), parts: recorded.map((part) => part.location), output };
}

/** A feature's own name, or `set__feature` where two features or a spine column share it; case does not tell names apart. */
function columnNames(wanted: readonly WantedFeature[], spine: readonly Column[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  const count = (name: string): void => {
    counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  };
  for (const { name } of spine) count(name);
  for (const { feature } of wanted) count(feature);
  return new Map(
    wanted.map(({ name, set, feature }) => [
      name,
      (counts.get(feature.toLowerCase()) ?? 0) > 1 ? `${set}__${feature}` : feature,
    ]),
  );
}

/** The sets' own event-time column where they agree and the spine has it, else `event_time`. */
function timeColumn(spine: readonly Column[], versions: readonly FeatureSetVersion[]): string {
  const has = (name: string): boolean => spine.some((column) => column.name.toLowerCase() === name.toLowerCase());
  const own = new Set(versions.map((version) => version.structure.eventTime));
  const [only] = own;
  if (own.size === 1 && only !== undefined && has(only)) return only;
  if (has(DEFAULT_TIME)) return DEFAULT_TIME;
  throw new MlopsError('FS205', {
    detail: `The spine has no event time: it must yield a column ${[...own].join(' or ')}${own.has(DEFAULT_TIME) ? '' : ` or ${DEFAULT_TIME}`}.`,
    hint: `it has: ${spine.map((column) => column.name).join(', ')}`,
  });
}
