/** The history of a state: what each serial changed, who did it, and how everything was at a serial. */
import type { Address } from '../../spec/address.ts';
import type { AnyRecordedResource } from './recorded-resource.ts';

/**
 * `record`: how a state was found that is older than its history. `forget`: the record alone went.
 * A rename is one entry, at the new address.
 */
export type HistoryAction = 'create' | 'update' | 'delete' | 'rename' | 'forget' | 'record';

/** A recorded resource as it was: without what only the running state knows. */
export type PastResource = Pick<
  AnyRecordedResource,
  'kind' | 'name' | 'spec' | 'digest' | 'dependsOn' | 'protect' | 'managedBy' | 'outputs'
>;

export interface HistoryEntry {
  readonly serial: number;
  readonly at: Date;
  readonly who: string;
  /** `apply`, `destroy`, `api`, `mv`, `rm`, `record`. */
  readonly operation: string;
  readonly applyId: string | null;
  readonly gitCommit: string | null;
  readonly action: HistoryAction;
  readonly address: Address;
  readonly previousAddress: Address | null;
  /** Of this resource, before this entry; null where there was none. */
  readonly before: PastResource | null;
  /** From here on; null: gone. */
  readonly after: PastResource | null;
}

export interface SerialRecord {
  readonly serial: number;
  readonly at: Date;
  readonly who: string;
  readonly operation: string;
  readonly applyId: string | null;
  readonly gitCommit: string | null;
  /** Of an apply; null while it is under way. What is not an apply has succeeded. */
  readonly outcome: 'succeeded' | 'failed' | 'interrupted' | null;
  /** Entries by action; an action without any is absent. */
  readonly counts: Readonly<Partial<Record<HistoryAction, number>>>;
}

export interface HistoryFilter {
  /** Entries of a resource that had this address then, or has it now. */
  readonly address?: Address;
  /** Only of later serials. */
  readonly after?: number;
  readonly limit: number;
}

/** Everything as it was when a serial was done. */
export interface PastState {
  readonly serial: number;
  readonly at: Date;
  readonly gitCommit: string | null;
  /** By address then, in order. */
  readonly resources: ReadonlyMap<Address, PastResource>;
  /** Where a resource of then is recorded now, if it was renamed since. What is gone by now is not in it. */
  readonly renamedSince: ReadonlyMap<Address, Address>;
}

export interface StateHistory {
  /** Newest first. */
  serials(limit: number): Promise<readonly SerialRecord[]>;
  /** Newest first. */
  entries(filter: HistoryFilter): Promise<readonly HistoryEntry[]>;
  /** Undefined where the serial is not known: it never was, or lies before the history. */
  at(serial: number): Promise<PastState | undefined>;
  /**
   * Sums up what lies before a serial: the state as it was just before it stays known, as the serial at which the history then
   * begins, and nothing older does. What `serial` and later ones changed stays as it is. Not the state: no serial is counted up.
   * One audit entry. The caller holds the lock. Answers how many entries are gone.
   */
  prune(serial: number, who: string): Promise<number>;
}

/** Follows renames, oldest first, from where things were. Something that went on the way is left out. */
export function followRenames(
  addresses: Iterable<Address>,
  later: readonly Pick<HistoryEntry, 'action' | 'address' | 'previousAddress'>[],
): ReadonlyMap<Address, Address> {
  const originOf = new Map<Address, Address>([...addresses].map((address) => [address, address]));
  for (const { action, address, previousAddress } of later) {
    if (action === 'delete' || action === 'forget' || action === 'create') originOf.delete(address);
    if (action !== 'rename' || previousAddress === null) continue;
    const origin = originOf.get(previousAddress);
    originOf.delete(previousAddress);
    if (origin !== undefined) originOf.set(address, origin);
  }
  return new Map([...originOf].filter(([now, then]) => now !== then).map(([now, then]) => [then, now]));
}
