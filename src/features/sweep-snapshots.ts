/**
 * Snapshots of sources that nothing needs any more are let go and deleted: those in whose place others came, and those of sources that
 * were destroyed, some time after. Killed anywhere, the next sweep goes on.
 */
import type { Catalog } from '../stores/control/catalog.ts';
import type { SnapshotLives, UnneededSnapshot } from '../stores/control/snapshot-lives.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { FeatureCall } from './definitions.ts';

export interface SweepParts {
  readonly catalog: Catalog;
  readonly featureState: SnapshotLives;
  readonly offline: OfflineStore;
}

/** Those that went, or, where it is only a look, would go. */
export async function sweepSnapshots(
  { catalog, featureState, offline }: SweepParts,
  { keepMs, isLook }: { readonly keepMs: number; readonly isLook: boolean },
  call: FeatureCall,
): Promise<readonly UnneededSnapshot[]> {
  // What was applied a moment ago is seen.
  await catalog.refresh();
  const applied = catalog.list('source').map(({ name }) => name);
  if (isLook) return featureState.unneededSnapshots(applied, keepMs);
  const swept = await featureState.letSnapshotsGo(applied, keepMs);
  for (const location of await featureState.goneSnapshots()) {
    call.signal.throwIfAborted();
    await featureState.forgetSnapshot(location, (recorded) => offline.removeSnapshots([location], recorded));
  }
  return swept;
}
