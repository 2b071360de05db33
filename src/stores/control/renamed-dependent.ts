/**
 * What depends on a renamed resource, as it is recorded from then on: its spec, its dependencies and the structure of its
 * version say the new name. So nothing is left to change for it, and a version that is filled stays the version that it is.
 */
import { canonicallyEqual } from '../../lib/canonical.ts';
import type { JsonObject } from '../../lib/json.ts';
import { parseAddress } from '../../spec/address.ts';
import type { CanonicalEntity, CanonicalFeatureSet, CanonicalSpecs } from '../../spec/canonical-specs.ts';
import { structureDigest } from '../../spec/feature-set-structure.ts';
import type { Kind } from '../../spec/kinds.ts';
import { type NameNow, renamedReferences } from '../../spec/rename-references.ts';
import { specDigest } from '../../spec/spec-digest.ts';
import type { Rename } from './state.ts';

export interface RecordedSpec {
  readonly spec: JsonObject;
  readonly digest: string;
  readonly dependsOn: readonly string[];
}

/** Which names one rename changes. */
export function nameNowAfter({ from, to }: Rename): NameNow {
  const [old, now] = [parseAddress(from), parseAddress(to)];
  return (kind, name) => (kind === old?.kind && name === old.name ? (now?.name ?? name) : name);
}

export function renamedDependent(kind: Kind, { spec, digest, dependsOn }: RecordedSpec, rename: Rename): RecordedSpec {
  const canonical = spec as unknown as CanonicalSpecs[Kind];
  const next = renamedReferences(kind, canonical, nameNowAfter(rename)) as unknown as JsonObject;
  const said = !canonicallyEqual(spec, next);
  return {
    spec: said ? next : spec,
    digest: said ? specDigest(next) : digest,
    dependsOn: dependsOn.map((address) => (address === rename.from ? rename.to : address)).sort(),
  };
}

/** With its outputs: those of a feature set say which structure its version has. */
export function renamedWithOutputs<T extends RecordedSpec & { readonly outputs: JsonObject }>(
  kind: Kind,
  recorded: T,
  rename: Rename,
): T {
  const next = renamedDependent(kind, recorded, rename);
  const { keys, structure } = recorded.outputs;
  if (kind !== 'feature_set' || typeof structure !== 'string' || keys === undefined) return { ...recorded, ...next };
  const entity = { name: '', keys } as unknown as CanonicalEntity;
  const digestOf = (spec: JsonObject): string => structureDigest(spec as unknown as CanonicalFeatureSet, entity);
  const outputs =
    digestOf(recorded.spec) === structure ? { ...recorded.outputs, structure: digestOf(next.spec) } : recorded.outputs;
  return { ...recorded, ...next, outputs };
}
