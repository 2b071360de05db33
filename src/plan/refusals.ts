/** What the plan refuses whatever the kind: destroying what is protected or still needed, and renames that would lose data. */
import type { Address } from '../spec/address.ts';
import type { AnyResource, Resource } from '../spec/project.ts';
import type { PlanFacts } from '../stores/control/facts.ts';
import type { AnyRecordedResource, RecordedResource } from '../stores/control/state.ts';
import type { Action } from './action.ts';
import { finding, listed } from './analyzers/analyzer.ts';
import type { Finding } from './change.ts';
import type { Lineage } from './downstream.ts';
import type { Renames } from './renames.ts';

export interface RefusalContext {
  readonly desired: ReadonlyMap<Address, AnyResource>;
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  readonly lineage: Lineage;
  readonly renames: Renames;
  readonly facts: PlanFacts;
}

export function refusalsOf(
  address: Address,
  actions: readonly Action[],
  desired: Resource | undefined,
  recorded: RecordedResource | undefined,
  context: RefusalContext,
): readonly Finding[] {
  const found: Finding[] = [];
  // Where the new name is taken, nothing may be done to it: then the old one, which would be destroyed, tells it.
  const rename =
    context.renames.to.get(address) ??
    [...context.renames.to.values()].find(({ from, to }) => from === address && context.recorded.has(to));
  if (rename?.refused !== undefined) {
    const wish = context.desired.get(rename.to) as Resource | undefined;
    found.push(
      finding('AP108', 'error', wish, {
        detail: rename.refused,
        fix: 'keep the old name, or leave movedFrom out to destroy the old one and start afresh',
        pointer: '/movedFrom',
      }),
    );
  }
  // Told here where it is known; the control store refuses it in any case.
  if (rename !== undefined && rename.refused === undefined && context.facts.leftBehind?.has(address) === true) {
    found.push(
      finding('AP108', 'error', desired, {
        detail: `${rename.from} cannot be renamed to ${address}: the stores hold versions of another ${address}, which nothing recorded has.`,
        fix: `take another name; or declare ${address} as it was, apply, destroy it, and rename then`,
        pointer: '/movedFrom',
      }),
    );
  }
  if (!actions.includes('delete')) return found;
  // What comes back after an interrupted destroy is destroyed first all the same, unless the specs lift it.
  if (recorded?.protect === true && desired?.spec.protect !== false) {
    found.push(
      finding('AP105', 'error', undefined, {
        detail: `${address} is protected: it was applied with \`protect: true\`, and removing its block does not lift that.`,
        fix: 'declare it again with `protect: false`, apply, then remove it',
      }),
    );
  }
  if (desired !== undefined) return found;
  const needing = context.lineage.downstream(address).filter((other) => isLeftUnmanaged(other, context));
  if (needing.length > 0) {
    found.push(
      finding('AP107', 'error', undefined, {
        detail: `${address} cannot be destroyed: ${listed(needing)}, made through the HTTP interface, ${needing.length === 1 ? 'needs' : 'need'} it.`,
        fix: `remove ${needing.length === 1 ? 'it' : 'them'} first, or declare ${needing.length === 1 ? 'it' : 'them'} in the specs`,
      }),
    );
  }
  return found;
}

function isLeftUnmanaged(address: Address, { desired, recorded }: RefusalContext): boolean {
  return recorded.get(address)?.managedBy === 'api' && !desired.has(address);
}
