/** Whom a change touches: everything that depends on it, in the state or in the specs. */
import type { Address } from '../spec/address.ts';
import { type Impact, NO_IMPACT } from './change.ts';

export interface Lineage {
  /** Without the address itself, sorted. */
  downstream(address: Address): readonly Address[];
}

interface Dependent {
  readonly address: Address;
  readonly dependsOn: readonly Address[];
}

/** Over all of `resources` together: recorded and desired dependencies both count. Indexed on first use. */
export function createLineage(resources: () => Iterable<Dependent>): Lineage {
  let direct: ReadonlyMap<Address, readonly Address[]> | undefined;
  return {
    downstream: (address) => {
      direct ??= directDependents(resources());
      const found = new Set<Address>([address]);
      for (const at of found) for (const other of direct.get(at) ?? []) found.add(other);
      found.delete(address);
      return [...found].sort();
    },
  };
}

function directDependents(resources: Iterable<Dependent>): ReadonlyMap<Address, readonly Address[]> {
  const direct = new Map<Address, Address[]>();
  for (const { address, dependsOn } of resources) {
    for (const dependency of dependsOn) {
      const dependents = direct.get(dependency);
      if (dependents === undefined) direct.set(dependency, [address]);
      else dependents.push(address);
    }
  }
  return direct;
}

interface ImpactContext {
  readonly lineage: Lineage;
}

/** What the change of a recorded resource does to what lies below it. */
export function impactOf(address: Address, { lineage }: ImpactContext): Impact {
  return { ...NO_IMPACT, downstream: lineage.downstream(address), features: null };
}
