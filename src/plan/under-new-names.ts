/**
 * What is recorded and known, as it will be called: analyzers compare what is there with what is wanted, and a name that
 * changed everywhere is no difference.
 */
import { type Address, addressOf, parseAddress } from '../spec/address.ts';
import type { CanonicalSpecs } from '../spec/canonical-specs.ts';
import type { Kind } from '../spec/kinds.ts';
import { renamedReferences } from '../spec/rename-references.ts';
import type { PlanFacts } from '../stores/control/facts.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';
import type { Renames } from './renames.ts';

export function underNewNames(
  recorded: readonly AnyRecordedResource[],
  renames: Renames,
): readonly AnyRecordedResource[] {
  if (renames.from.size === 0) return recorded;
  return recorded.map((resource) => {
    const address = renames.now(resource.address);
    return {
      ...resource,
      address,
      name: parseAddress(address)?.name ?? resource.name,
      spec: renamedSpec(resource, address, renames),
      dependsOn: resource.dependsOn.map(renames.now).sort(),
    } as AnyRecordedResource;
  });
}

function renamedSpec(
  { kind, spec: recorded, name }: AnyRecordedResource,
  address: Address,
  renames: Renames,
): CanonicalSpecs[Kind] {
  const nameNow = (of: Kind, old: string): string => parseAddress(renames.now(addressOf(of, old)))?.name ?? old;
  return { ...renamedReferences(kind, recorded, nameNow), name: parseAddress(address)?.name ?? name };
}

export function factsUnderNewNames(facts: PlanFacts, renames: Renames): PlanFacts {
  if (renames.from.size === 0) return facts;
  const moved = <T>(kind: Kind, known: ReadonlyMap<string, T> | undefined): ReadonlyMap<string, T> | undefined =>
    known &&
    new Map([...known].map(([name, fact]) => [parseAddress(renames.now(addressOf(kind, name)))?.name ?? name, fact]));
  const found = {
    liveRuns: moved('pipeline', facts.liveRuns),
    models: moved('model', facts.models),
    featureSets: moved('feature_set', facts.featureSets),
    sources: moved('source', facts.sources),
    requestsPerDay: moved('endpoint', facts.requestsPerDay),
    sourceSnapshots: moved('source', facts.sourceSnapshots),
  };
  const reads = facts.onlineReads && { ...facts.onlineReads, bySet: moved('feature_set', facts.onlineReads.bySet) };
  // What is not known stays absent.
  return {
    ...facts,
    ...Object.fromEntries(Object.entries({ ...found, onlineReads: reads }).filter(([, fact]) => fact !== undefined)),
  };
}
