/** Which changes a reader must see first, and whom they concern. */
import type { Address } from '../spec/address.ts';
import { isNoOp } from './action.ts';
import { type AffectedEndpoint, CHANGE_CLASSES, type Change } from './change.ts';
import type { Plan } from './plan.ts';

/** What is done, the gravest first: errors, then by class, then as the plan orders them. */
export function byImportance(plan: Plan): readonly Change[] {
  const rank = (change: Change): number =>
    (change.findings.some(({ severity }) => severity === 'error') ? CHANGE_CLASSES.length : 0) +
    CHANGE_CLASSES.indexOf(change.class);
  return plan.changes
    .filter(({ actions }) => !isNoOp(actions))
    .map((change, index) => ({ change, index, rank: rank(change) }))
    .sort((a, b) => b.rank - a.rank || a.index - b.index)
    .map(({ change }) => change);
}

export interface AffectedOwner {
  readonly owner: string;
  /** Their resources that change or depend on what changes, sorted. */
  readonly addresses: readonly Address[];
}

/** The owners of what changes, before and after, and of what lies downstream of changes that are more than safe. By name. */
export function affectedOwners(plan: Plan): readonly AffectedOwner[] {
  const owners = new Map<Address, readonly string[]>(
    plan.changes.map((change) => [
      change.address,
      [change.before?.['owner'], change.after?.['owner']].filter((owner): owner is string => typeof owner === 'string'),
    ]),
  );
  const found = new Map<string, Set<Address>>();
  const add = (address: Address): void => {
    for (const owner of owners.get(address) ?? []) found.set(owner, (found.get(owner) ?? new Set()).add(address));
  };
  for (const change of plan.changes) {
    if (isNoOp(change.actions)) continue;
    add(change.address);
    if (change.class !== 'safe') for (const address of change.impact.downstream) add(address);
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([owner, addresses]) => ({ owner, addresses: [...addresses].sort() }));
}

/** Endpoints that serve traffic below changes that are more than safe, each once: those that are asked most first. */
export function affectedEndpoints(plan: Plan): readonly AffectedEndpoint[] {
  const endpoints = new Map(
    plan.changes
      .filter((change) => !isNoOp(change.actions) && change.class !== 'safe')
      .flatMap(({ impact }) => impact.endpoints.map((endpoint) => [endpoint.address, endpoint] as const)),
  );
  return [...endpoints.values()].sort(
    (a, b) => (b.requestsPerDay ?? -1) - (a.requestsPerDay ?? -1) || (a.address < b.address ? -1 : 1),
  );
}
