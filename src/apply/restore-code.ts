/** Code that is applied but that the artifact store has lost: what the project still has of it is stored again. */
import type { BundleSource } from '../spec/bundle-source.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import { storeSource } from './store-source.ts';

/** `bundleFiles`: SHA-256 of the content → where it comes from. Answers how many files were stored. A file that has changed since is left to the next plan. */
export async function restoreCode(
  bundleFiles: ReadonlyMap<string, BundleSource>,
  artifacts: () => Promise<ArtifactStore>,
): Promise<number> {
  if (bundleFiles.size === 0) return 0;
  const store = await artifacts();
  let restored = 0;
  for (const [digest, source] of bundleFiles) {
    if ((await store.has(digest)) !== undefined) continue;
    if ((await storeSource(store, source)).digest === digest) restored += 1;
  }
  return restored;
}
