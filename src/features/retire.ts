/**
 * Retirement of versions that nothing reads: recorded first, in one transaction that no promotion can pass by; then their
 * records leave the online store and their rows the offline store, but for parts that recorded training sets were made from.
 * Killed anywhere, the next materialization of the set goes on.
 */
import type { FeatureSetVersion } from '../stores/control/feature-state.ts';
import type { FeatureCall } from './definitions.ts';
import { livesOf, readersOf } from './live-versions.ts';
import type { MaterializeParts } from './materialize.ts';
import { folderOf, onlineTable } from './versions.ts';

type Parts = Pick<MaterializeParts, 'featureState' | 'online' | 'offline'>;

/** The versions that were retired now. */
export async function retireUnread(parts: Parts, set: string, call: FeatureCall): Promise<readonly number[]> {
  const { featureState } = parts;
  const versions = await featureState.versions(set);
  const { unread } = livesOf(versions, await readersOf(featureState, set), await featureState.now());
  const left = versions.filter(({ status, swept }) => status === 'retired' && !swept);
  const retired: number[] = [];
  for (const version of [...left, ...unread]) {
    call.signal.throwIfAborted();
    // Under its claim: nobody fills it, or brings it back to fill it, while it is emptied.
    await featureState.materializing(version.set, version.version, call.signal, async () => {
      if (version.status !== 'retired') {
        if (!(await featureState.retire(version.set, version.version, whyOf(version, versions)))) return;
        retired.push(version.version);
        call.log(`${set}@${version.version}: retired, nothing reads it`);
      }
      await emptied(parts, version);
    });
  }
  return retired;
}

async function emptied({ featureState, online, offline }: Parts, version: FeatureSetVersion): Promise<void> {
  const { set, version: number } = version;
  const now = (await featureState.versions(set)).find((candidate) => candidate.version === number);
  if (now?.status !== 'retired') return;
  await online.drop(onlineTable(version));
  await offline.sweep(folderOf(version), await featureState.trainedFrom(set, number));
  await featureState.swept(set, number);
}

function whyOf(version: FeatureSetVersion, versions: readonly FeatureSetVersion[]): string {
  const serves = versions.findLast(({ status }) => status === 'serving');
  return `version ${serves?.version ?? version.version + 1} serves, and no model in production or staging, none to roll back to, no endpoint and no client reads this one`;
}
