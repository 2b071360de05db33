/** What is applied, as the feature store needs it: the catalog's specs joined with the recorded versions. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalEntity, CanonicalFeatureSet, CanonicalSource } from '../spec/canonical-specs.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Dtype, KeyType } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { KeyColumn, RowPlan, StoredFeature } from '../stores/offline-rows.ts';
import type { TellProgress } from './materialization-progress.ts';

/** What the services need of the call that they work for. */
export interface FeatureCall {
  readonly signal: AbortSignal;
  /** A line for people. */
  readonly log: (line: string) => void;
  /** On whose behalf, for what is recorded: `pipeline.weekly run 0f…`. */
  readonly by?: string;
  /** Told with every chunk of a materialization. */
  readonly progress?: TellProgress | undefined;
}

export function sourceSpec(catalog: Catalog, name: string): CanonicalSource {
  const found = catalog.get('source', name);
  if (found === undefined)
    throw unknown(
      'source',
      name,
      catalog.list('source').map((resource) => resource.name),
    );
  return found.spec;
}

export function featureSetSpec(catalog: Catalog, name: string): CanonicalFeatureSet {
  const found = catalog.get('feature_set', name);
  if (found === undefined)
    throw unknown(
      'feature set',
      name,
      catalog.list('feature_set').map((resource) => resource.name),
    );
  return found.spec;
}

export function entitySpec(catalog: Catalog, name: string): CanonicalEntity {
  const found = catalog.get('entity', name);
  if (found === undefined)
    throw unknown(
      'entity',
      name,
      catalog.list('entity').map((resource) => resource.name),
    );
  return found.spec;
}

export function unknown(what: string, name: string, known: readonly string[]): MlopsError {
  return new MlopsError('FS201', {
    detail: `There is no ${what} ${JSON.stringify(name)} in what is applied.`,
    hint: didYouMean(name, known),
    status: 404,
  });
}

export function keyColumns(structure: FeatureSetStructure): readonly KeyColumn[] {
  return Object.entries(structure.keys).map(([name, type]) => ({ name, type: type as KeyType }));
}

/** The features that rows hold, in order; computed ones are not stored. */
export function storedFeatures(structure: FeatureSetStructure): readonly StoredFeature[] {
  return Object.entries(structure.features).flatMap(([name, { dtype, column }]) =>
    column === null ? [] : [{ name, dtype: dtype as Dtype, column }],
  );
}

export function rowPlan(
  set: string,
  structure: FeatureSetStructure,
  inputs: Readonly<Record<string, string>>,
): RowPlan {
  return {
    address: `feature_set.${set}`,
    keys: keyColumns(structure),
    eventTime: structure.eventTime,
    createdTime: structure.createdTime,
    features: storedFeatures(structure),
    from: structure.source === null ? { query: structure.query ?? '' } : { source: structure.source },
    inputs,
  };
}

/** Its rows come by push alone. */
export function isPushed(structure: FeatureSetStructure): boolean {
  return structure.source === null && structure.query === null;
}

export function ttlMicros(spec: CanonicalFeatureSet): bigint | null {
  return spec.ttl === undefined ? null : BigInt(durationMs(spec.ttl)) * 1000n;
}
