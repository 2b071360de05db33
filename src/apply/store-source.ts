/** Puts a file of a code bundle into the artifact store. */
import type { BundleSource } from '../spec/bundle-source.ts';
import type { ArtifactStore, StoredArtifact } from '../stores/artifacts.ts';

export function storeSource(artifacts: ArtifactStore, source: BundleSource): Promise<StoredArtifact> {
  return typeof source === 'string' ? artifacts.putFile(source) : artifacts.put(Buffer.from(source.text));
}
