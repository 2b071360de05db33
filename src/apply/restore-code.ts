/** Code that is applied but that the artifact store has lost: what the project still has of it is stored again. */
import type { ArtifactStore } from '../stores/artifacts.ts';

/** `bundleFiles`: SHA-256 of the content → path. Answers how many files were stored. A file that has changed since is left to the next plan. */
export async function restoreCode(
  bundleFiles: ReadonlyMap<string, string>,
  artifacts: () => Promise<ArtifactStore>,
): Promise<number> {
  if (bundleFiles.size === 0) return 0;
  const store = await artifacts();
  let restored = 0;
  for (const [digest, path] of bundleFiles) {
    if ((await store.has(digest)) !== undefined) continue;
    if ((await store.putFile(path)).digest === digest) restored += 1;
  }
  return restored;
}
