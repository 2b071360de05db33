/** The lineage of feature sets for a plan: as recorded, as the specs have it now, and worked out where neither says it. */
import { canonicallyEqual } from '../lib/canonical.ts';
import { type Address, addressOf, parseAddress } from '../spec/address.ts';
import type { CanonicalEntity, CanonicalFeatureSet, CanonicalSource } from '../spec/canonical-specs.ts';
import { decodeLineage, type FeatureLineage } from '../spec/column-lineage.ts';
import { createFeatureLineage } from '../spec/feature-lineage.ts';
import type { AnyResource, Resource } from '../spec/project.ts';
import type { AnyRecordedResource, RecordedResource } from '../stores/control/state.ts';
import type { Renames } from './renames.ts';
import { recordedColumns } from './source-columns.ts';

export interface SetLineages {
  /** Of a recorded set: what its features depended on when it was applied. Undefined where there is no such set. */
  before(set: Address): FeatureLineage | undefined;
  /** As it will be. */
  after(set: Address): FeatureLineage | undefined;
}

export interface SetLineagesContext {
  readonly desired: ReadonlyMap<Address, AnyResource>;
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  readonly renames: Renames;
}

export function createSetLineages({ desired, recorded, renames }: SetLineagesContext): SetLineages {
  const specOf = (address: Address): unknown => (desired.get(address) ?? recorded.get(address))?.spec;
  // Without the SQL parser: what a set reads through a query or an added column cannot be told.
  const plain = createFeatureLineage({
    source: (name) => specOf(`source.${name}`) as CanonicalSource | undefined,
    columns: (name) => recordedColumns(recorded.get(`source.${name}`)),
    query: () => undefined,
  });
  const workedOut = (spec: CanonicalFeatureSet): FeatureLineage => {
    const entity = specOf(`entity.${spec.entity}`) as CanonicalEntity | undefined;
    return plain(spec, Object.keys(entity?.keys ?? {}));
  };
  /** Applied before lineage was recorded: it is that of now where neither the set nor what it reads through was edited. */
  const asNow = (resource: RecordedResource<'feature_set'>): FeatureLineage => {
    const set = desired.get(resource.address) as Resource<'feature_set'> | undefined;
    if (set?.lineage === undefined || set.digest !== resource.digest) return workedOut(resource.spec);
    const read = new Set(resource.dependsOn);
    for (const address of read) {
      const [old, next] = [recorded.get(address), desired.get(address)];
      if (old?.kind !== 'source') continue;
      const spec = next?.spec as CanonicalSource | undefined;
      const edited =
        !canonicallyEqual(old.spec.query, spec?.query) || !canonicallyEqual(old.spec.columns, spec?.columns);
      if (edited) return workedOut(resource.spec);
      for (const below of old.dependsOn) read.add(below);
    }
    return set.lineage;
  };
  const known = new Map<Address, FeatureLineage | undefined>();
  const before = (set: Address): FeatureLineage | undefined => {
    if (known.has(set)) return known.get(set);
    const resource = recorded.get(set) as RecordedResource<'feature_set'> | undefined;
    const lineage = resource === undefined ? undefined : (underNewNames(resource, renames) ?? asNow(resource));
    known.set(set, lineage);
    return lineage;
  };
  return {
    before,
    after: (set) => {
      const resource = desired.get(set) as Resource<'feature_set'> | undefined;
      return resource === undefined ? before(set) : (resource.lineage ?? workedOut(resource.spec));
    },
  };
}

function underNewNames({ outputs }: Pick<RecordedResource, 'outputs'>, renames: Renames): FeatureLineage | undefined {
  const lineage = decodeLineage(outputs['lineage']);
  if (lineage === undefined || renames.from.size === 0) return lineage;
  const nameNow = (source: string): string => parseAddress(renames.now(addressOf('source', source)))?.name ?? source;
  return Object.fromEntries(
    Object.entries(lineage).map(([feature, columns]) => [
      feature,
      columns?.map(({ source, column }) => ({ source: nameNow(source), column })) ?? null,
    ]),
  );
}
