/**
 * `movedFrom`: a resource under a new name, with its data. A pair is a rename while the old name is recorded and nothing else
 * is declared under it, and the new name is free or given up by another rename. Any number in a row, never in a circle.
 */
import { type Address, addressOf } from '../spec/address.ts';
import type { AnyResource } from '../spec/project.ts';
import type { AnyRecordedResource, Rename as StateRename } from '../stores/control/state.ts';
import type { Change } from './change.ts';

export interface Rename {
  readonly from: Address;
  readonly to: Address;
  /** Why it cannot be done; undefined where it can. */
  readonly refused: string | undefined;
}

export interface Renames {
  /** By the new address. */
  readonly to: ReadonlyMap<Address, Rename>;
  /** By the old address: those that can be done. */
  readonly from: ReadonlyMap<Address, Rename>;
  /** The address that what was recorded here has after the plan. */
  now(address: Address): Address;
}

export function findRenames(
  desired: ReadonlyMap<Address, AnyResource>,
  recorded: ReadonlyMap<Address, AnyRecordedResource>,
): Renames {
  /** What is wished, by the new address. */
  const wished = new Map<Address, Address>();
  const heirs = new Map<Address, Address[]>();
  for (const [to, { kind, spec }] of desired) {
    if (spec.movedFrom === undefined || spec.movedFrom === spec.name) continue;
    const from = addressOf(kind, spec.movedFrom);
    const there = recorded.get(from);
    // What is half destroyed is destroyed: there is nothing whole to bring along.
    if (there === undefined || there.status === 'deleting') continue;
    wished.set(to, from);
    heirs.set(from, [...(heirs.get(from) ?? []), to]);
  }

  const found = new Map<Address, Rename | undefined>();
  /** Undefined: nothing is to be renamed, `movedFrom` is left from before. */
  function settle(to: Address, above: readonly Address[]): Rename | undefined {
    if (found.has(to)) return found.get(to);
    const from = wished.get(to) as Address;
    const refuse = (refused: string): Rename => ({ from, to, refused });
    const rename = ((): Rename | undefined => {
      const others = (heirs.get(from) ?? []).filter((other) => other !== to && !recorded.has(other));
      if (others.length > 0)
        return recorded.has(to)
          ? undefined
          : refuse(`${[to, ...others].sort().join(' and ')} each say that they were ${from}.`);
      if (recorded.has(to)) {
        const heir = (heirs.get(to) ?? []).find((other) => other !== to);
        if (heir === undefined) {
          if (desired.has(from)) return undefined;
          return refuse(`${to} is in the state already, and ${from} cannot take its place.`);
        }
        if ([...above, to].includes(heir))
          return refuse(
            `${[...above.slice(above.indexOf(heir)), to].sort().join(' and ')} cannot swap their names in one apply.`,
          );
        const next = settle(heir, [...above, to]);
        if (next === undefined)
          return desired.has(from)
            ? undefined
            : refuse(`${to} is in the state already, and ${from} cannot take its place.`);
        if (next.refused !== undefined) return refuse(`${to} does not become free: ${next.refused}`);
      }
      if (desired.has(from) && !(wished.has(from) && recorded.has(wished.get(from) as Address)))
        return refuse(`${from} is still declared, so ${to} cannot be a new name of it.`);
      return { from, to, refused: undefined };
    })();
    found.set(to, rename);
    return rename;
  }
  for (const to of wished.keys()) settle(to, []);

  const all = [...found.values()].filter((rename) => rename !== undefined);
  const done = all.filter(({ refused }) => refused === undefined);
  const from = new Map(done.map((rename) => [rename.from, rename]));
  return {
    to: new Map(all.map((rename) => [rename.to, rename])),
    from,
    now: (address) => from.get(address)?.to ?? address,
  };
}

/** The renames of these changes in an order in which they can be made: a name is given up before it is taken. */
export function renamesOf(changes: readonly Pick<Change, 'address' | 'previousAddress'>[]): readonly StateRename[] {
  const renames = new Map(
    changes.flatMap(({ address: to, previousAddress: from }) => (from === null ? [] : [[from, { from, to }] as const])),
  );
  const ordered = new Set<StateRename>();
  const visit = (rename: StateRename): void => {
    const next = renames.get(rename.to);
    if (next !== undefined && !ordered.has(next)) visit(next);
    ordered.add(rename);
  };
  for (const rename of renames.values()) visit(rename);
  return [...ordered];
}
