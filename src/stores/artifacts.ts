/** Content-addressed bytes. What is written never changes; the same content is stored once. */
import type { Readable } from 'node:stream';

export interface StoredArtifact {
  /** SHA-256, 64 lower-case hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
}

/** One whose content may go: nothing refers to it outside, and whoever removes knows what does. */
export interface RemovableArtifacts extends ArtifactStore {
  /** What is gone already is passed over. */
  remove(digests: readonly string[]): Promise<void>;
}

/** What `doctor` shows of a store that can be used. */
export interface ArtifactHealth {
  readonly detail: string;
  readonly warnings: readonly string[];
}

export interface ArtifactStore {
  /** Durable when it resolves; nothing is visible before. ST105 when `expectedDigest` differs from what came. */
  put(content: Uint8Array | Readable, expectedDigest?: string): Promise<StoredArtifact>;
  putFile(path: string): Promise<StoredArtifact>;
  has(digest: string): Promise<StoredArtifact | undefined>;
  /** All of it, verified against the digest. MD203 when missing or damaged. */
  read(digest: string): Promise<Uint8Array>;
  /** A stream that fails with MD203 at its end when the content does not match the digest. */
  stream(digest: string): Promise<Readable>;
  /** A readable local file with that content, verified; owned by the store, not to be changed. */
  localPath(digest: string): Promise<string>;
}
