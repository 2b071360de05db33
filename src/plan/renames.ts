/** `movedFrom`: a resource under a new name. A pair is a rename while the old name is recorded and not declared any more. */
import { type Address, addressOf } from '../spec/address.ts';
import type { Kind } from '../spec/kinds.ts';
import type { AnyResource } from '../spec/project.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';

export interface Rename {
  readonly from: Address;
  readonly to: Address;
  /** Why it cannot be done; undefined where it can. */
  readonly refused: string | undefined;
}

/** Kinds whose data is kept under their name, and does not move to another one. */
const KEPT_BY_NAME: ReadonlyMap<Kind, string> = new Map<Kind, string>([
  ['feature_set', 'its rows, offline and online'],
  ['model', 'its versions and their history'],
  ['pipeline', 'its runs'],
]);

/** By both addresses, old and new. */
export function findRenames(
  desired: ReadonlyMap<Address, AnyResource>,
  recorded: ReadonlyMap<Address, AnyRecordedResource>,
): ReadonlyMap<Address, Rename> {
  const renames = new Map<Address, Rename>();
  for (const [to, { kind, spec }] of desired) {
    if (spec.movedFrom === undefined || recorded.has(to)) continue;
    const from = addressOf(kind, spec.movedFrom);
    if (!recorded.has(from)) continue;
    const kept = KEPT_BY_NAME.get(kind);
    const refused = desired.has(from)
      ? `${from} is still declared, so ${to} cannot be a new name of it.`
      : kept === undefined
        ? undefined
        : `${from} keeps ${kept} under its name, and they would not come along to ${to}.`;
    const rename: Rename = { from, to, refused };
    renames.set(to, rename);
    if (!desired.has(from)) renames.set(from, rename);
  }
  return renames;
}
