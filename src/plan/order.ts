/** The order of changes: which one waits for which, and what belongs to a target. */
import { createDag, type Dag } from '../graph/dag.ts';
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Address } from '../spec/address.ts';
import { isNoOp } from './action.ts';
import type { Change } from './change.ts';

/**
 * The graph in which the changes are made. A create or update comes after the changes of what it depends on; a delete
 * after the changes of everything that depended on it. (Nothing but a delete waits for a delete, so there is no cycle.)
 */
export function changeGraph(changes: readonly Change[]): Dag<Address> {
  const byAddress = new Map(changes.map((change) => [change.address, change]));
  const isDelete = (change: Change): boolean => change.actions.length === 1 && change.actions[0] === 'delete';
  const waitsFor = new Map<Address, Address[]>(changes.map(({ address }) => [address, []]));
  for (const change of changes) {
    const gone = isDelete(change);
    if (!gone) {
      for (const dependency of change.dependsOn) {
        const other = byAddress.get(dependency);
        if (other !== undefined && !isDelete(other)) waitsFor.get(change.address)?.push(dependency);
      }
    }
    for (const dependency of change.dependedOn) {
      const other = byAddress.get(dependency);
      if (other !== undefined && isDelete(other)) waitsFor.get(dependency)?.push(change.address);
    }
  }
  return createDag<Address>(changes.map(({ address }) => ({ id: address, dependsOn: waitsFor.get(address) ?? [] })));
}

/** No-ops included. */
export function inApplyOrder(changes: readonly Change[]): readonly Change[] {
  // Where nothing moves there is no order to keep.
  if (changes.every(({ actions }) => isNoOp(actions))) return changes;
  const byAddress = new Map(changes.map((change) => [change.address, change]));
  return changeGraph(changes)
    .topologicalOrder()
    .flatMap((address) => byAddress.get(address) ?? []);
}

/** AP109 where a target is no resource of the specs or of an apply. `unmanaged`: made through the HTTP interface. */
export function withinTargets(
  changes: readonly Change[],
  targets: readonly Address[],
  unmanaged: readonly Address[] = [],
): readonly Change[] {
  const known = new Set(changes.map(({ address }) => address));
  // The name that a resource had says it as well.
  const renamed = new Map(changes.map(({ address, previousAddress }) => [previousAddress ?? address, address]));
  const meant = targets.map((target) => (known.has(target) ? target : (renamed.get(target) ?? target)));
  for (const target of meant) {
    if (unmanaged.includes(target)) {
      throw new MlopsError('AP109', {
        detail: `${target} was made through the HTTP interface and is not in the specs: nothing is planned for it.`,
        hint: `declare it, or take it over: mlops import ${target}`,
        address: target,
      });
    }
    if (!known.has(target)) {
      throw new MlopsError('AP109', {
        detail: `${target} is neither in the specs nor in the state.`,
        hint: didYouMean(target, known),
        address: target,
      });
    }
  }
  const graph = changeGraph(changes);
  const chosen = new Set<Address>();
  for (let next: readonly Address[] = meant; next.length > 0; ) {
    for (const address of [...next, ...graph.transitiveDependencies(next)]) chosen.add(address);
    // A name is given up before it is taken: what gives it up comes along.
    next = changes
      .filter(({ address, previousAddress: old }) => old !== null && chosen.has(old) && !chosen.has(address))
      .map(({ address }) => address);
  }
  return changes.filter(({ address }) => chosen.has(address));
}
