/** Versions of feature sets: registering them, and finding the one that reads use. */
import { MlopsError } from '../lib/error.ts';
import type { CanonicalEntity, CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import { structureDigest, structureOf } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import type { OnlineTable } from '../stores/online.ts';
import { entitySpec, featureSetSpec } from './definitions.ts';

export async function registerFeatureSet(
  featureState: FeatureState,
  spec: CanonicalFeatureSet,
  entity: CanonicalEntity,
): Promise<{ readonly version: number }> {
  return {
    version: await featureState.registerVersion(spec.name, structureDigest(spec, entity), structureOf(spec, entity)),
  };
}

/**
 * The version that materialization works on: the newest of the applied spec's structure, registered now where there is none.
 * What is applied is known here a moment later than an apply registers it: until then the version before is worked on.
 */
export async function workingVersion(
  catalog: Catalog,
  featureState: FeatureState,
  set: string,
): Promise<FeatureSetVersion> {
  const spec = featureSetSpec(catalog, set);
  const entity = entitySpec(catalog, spec.entity);
  const digest = structureDigest(spec, entity);
  const ofStructure = async (): Promise<FeatureSetVersion | undefined> =>
    (await featureState.versions(set)).findLast((version) => version.digest === digest);
  const known = await ofStructure();
  if (known !== undefined) return known;
  await registerFeatureSet(featureState, spec, entity);
  const registered = await ofStructure();
  if (registered === undefined) throw notMaterialized(set);
  return registered;
}

/** Where the rows of a version lie. A rename of the set moves neither. */
export function folderOf({ storage, version }: Pick<FeatureSetVersion, 'storage' | 'version'>): string {
  return `sets/${storage}/v${version}`;
}

export function onlineTable({ storage, version }: Pick<FeatureSetVersion, 'storage' | 'version'>): OnlineTable {
  return { set: storage, version };
}

/** Of the versions of one set: the newest that serves, or the one asked for. FS206 where none serves. */
export function servingVersion(versions: readonly FeatureSetVersion[], set: string, asked?: number): FeatureSetVersion {
  const serving = versions.filter((version) => version.status === 'serving');
  const found = asked === undefined ? serving.at(-1) : serving.find((version) => version.version === asked);
  if (found !== undefined) return found;
  if (asked === undefined) throw notMaterialized(set);
  const there = versions.find((version) => version.version === asked);
  if (there?.status === 'retired') {
    throw new MlopsError('FS220', {
      address: `feature_set.${set}`,
      detail: `Version ${asked} of the feature set ${set} was retired${there.retiredAt === null ? '' : ` on ${there.retiredAt.toISOString()}`}: ${there.retiredWhy ?? 'nothing read it'}.`,
      hint: `bring it back: mlops features materialize ${set} --version ${asked}`,
      status: 409,
    });
  }
  if (there?.status === 'registered') {
    throw new MlopsError('FS206', {
      address: `feature_set.${set}`,
      detail: `Version ${asked} of the feature set ${set} is not filled yet.`,
      hint: `run: mlops features materialize ${set} --version ${asked}`,
      status: 409,
      retryable: true,
    });
  }
  throw new MlopsError('FS201', {
    address: `feature_set.${set}`,
    detail: `The feature set ${set} has no version ${asked} that serves.`,
    hint: `serving: ${serving.map((version) => version.version).join(', ') || 'none'}`,
    status: 404,
  });
}

export function notMaterialized(set: string): MlopsError {
  return new MlopsError('FS206', {
    address: `feature_set.${set}`,
    detail: `No version of the feature set ${set} has been materialized completely, so there is nothing to read.`,
    hint: `run: mlops features materialize ${set}`,
    status: 409,
    retryable: true,
  });
}
