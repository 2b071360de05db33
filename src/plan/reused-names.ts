/**
 * A feature set under a name that another one had. Versions of models say by name what they read: those that were trained
 * before the rename would be served from the new set, with other values than they learned from.
 */
import type { Address } from '../spec/address.ts';
import type { Resource } from '../spec/project.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';
import { finding, listed } from './analyzers/analyzer.ts';
import type { Readers } from './analyzers/readers.ts';
import type { Finding } from './change.ts';
import type { Renames } from './renames.ts';

export interface ReuseContext {
  /** Under their new names. */
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  readonly renames: Renames;
  readonly readers: Readers;
}

export function reusedName(desired: Resource | undefined, context: ReuseContext): readonly Finding[] {
  const { recorded, renames, readers } = context;
  if (desired === undefined || desired.kind !== 'feature_set') return [];
  // It has the name already.
  if (recorded.has(desired.address) && !renames.to.has(desired.address)) return [];
  for (const holder of recorded.values()) {
    if (holder.kind !== 'feature_set' || holder.address === desired.address) continue;
    const had = holder.formerNames?.includes(desired.name) === true;
    if (!had && renames.from.get(desired.address)?.to !== holder.address) continue;
    const services = Object.keys(holder.spec.features).flatMap((feature) =>
      readers.servicesReading(`${holder.name}.${feature}`),
    );
    const models = readers.modelsReading([...new Set(services)]);
    if (models.length === 0) continue;
    return [
      finding('FS116', 'error', desired, {
        detail: `${holder.address} was called ${desired.name} before, and ${listed(models)} ${models.length === 1 ? 'reads' : 'read'} it. Versions trained under the old name read ${desired.name} by name: they would get this set's values instead of what they learned from.`,
        fix: 'take another name; or, once no such version is in use, suppress FS116 here with that as the reason',
        pointer: '/name',
      }),
    ];
  }
  return [];
}
