/** Whom a change touches: everything that depends on it, in the state or in the specs. */
import { createDag } from '../graph/dag.ts';
import type { Address } from '../spec/address.ts';
import type { AnyResource } from '../spec/project.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';

/** Dependents by address, over recorded and desired dependencies together. */
export interface Lineage {
  /** Sorted. */
  downstream(address: Address): readonly Address[];
}

export function createLineage(
  desired: ReadonlyMap<Address, AnyResource>,
  recorded: ReadonlyMap<Address, AnyRecordedResource>,
): Lineage {
  let dag: ReturnType<typeof createDag<Address>> | undefined;
  const build = () =>
    createDag<Address>(
      [...new Set([...recorded.keys(), ...desired.keys()])].map((id) => ({
        id,
        dependsOn: [...(recorded.get(id)?.dependsOn ?? []), ...(desired.get(id)?.dependsOn ?? [])],
      })),
    );
  return {
    downstream: (address) => {
      dag ??= build();
      const found = dag.transitiveDependents([address]);
      return [...found].filter((other) => other !== address).sort();
    },
  };
}
