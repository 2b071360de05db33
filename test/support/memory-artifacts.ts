/** A content-addressed store in memory, for tests of what stands above one. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { sha256 } from '../../src/lib/canonical.ts';
import { MlopsError } from '../../src/lib/error.ts';
import type { ArtifactStore } from '../../src/stores/artifacts.ts';

export interface MemoryArtifacts extends ArtifactStore {
  /** Damages what is stored. */
  corrupt(digest: string): void;
  remove(): Promise<void>;
}

export async function memoryArtifacts(): Promise<MemoryArtifacts> {
  const directory = await mkdtemp(join(tmpdir(), 'mlops-artifacts-'));
  const contents = new Map<string, Uint8Array>();
  const put = async (content: Uint8Array | Readable) => {
    const bytes = content instanceof Uint8Array ? Uint8Array.from(content) : await buffer(content);
    const digest = sha256(bytes);
    contents.set(digest, bytes);
    return { digest, bytes: bytes.length };
  };
  const read = async (digest: string): Promise<Uint8Array> => {
    const bytes = contents.get(digest);
    if (bytes === undefined || sha256(bytes) !== digest)
      throw new MlopsError('MD203', { detail: `Artifact ${digest} is missing or damaged.` });
    return bytes;
  };
  return {
    put,
    putFile: async (path) => put(await readFile(path)),
    has: async (digest) => (contents.has(digest) ? { digest, bytes: contents.get(digest)!.length } : undefined),
    read,
    stream: async (digest) => Readable.from([await read(digest)]),
    localPath: async (digest) => {
      const path = join(directory, digest);
      await writeFile(path, await read(digest));
      return path;
    },
    corrupt: (digest) => contents.set(digest, Uint8Array.of(1, 2, 3)),
    remove: () => rm(directory, { recursive: true }),
  };
}
