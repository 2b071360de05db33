/**
 * Artifacts as files below one folder, named by their SHA-256: `ab/ab12….`. Bytes are written under a name that nobody
 * reads, made durable, then renamed into place, so several processes may store the same content at once.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { sha256 } from '../../lib/canonical.ts';
import { damaged, digestOfFile, isDigest, missing, refuseOther, verifiedParts } from '../artifact-content.ts';
import type { RemovableArtifacts, StoredArtifact } from '../artifacts.ts';

export interface FilesystemArtifactsOptions {
  /** Absolute path, e.g. `<root>/.mlops/artifacts`. Made when first written to. */
  readonly directory: string;
}

export function createFilesystemArtifacts({ directory }: FilesystemArtifactsOptions): RemovableArtifacts {
  const pathOf = (digest: string): string => {
    if (!isDigest(digest)) throw missing(digest, 'it is no SHA-256 digest');
    return join(directory, digest.slice(0, 2), digest);
  };

  async function has(digest: string): Promise<StoredArtifact | undefined> {
    const found = await stat(pathOf(digest)).catch(() => undefined);
    return found?.isFile() === true ? { digest, bytes: found.size } : undefined;
  }

  async function put(content: Uint8Array | Readable, expectedDigest?: string): Promise<StoredArtifact> {
    const incoming = join(directory, 'incoming');
    await mkdir(incoming, { recursive: true });
    const writing = join(incoming, randomUUID());
    try {
      const { digest, bytes } = await writeDurably(writing, content);
      refuseOther(digest, expectedDigest);
      await place(writing, pathOf(digest), digest);
      return { digest, bytes };
    } finally {
      await rm(writing, { force: true });
    }
  }

  /** What lies there already is kept only where it is whole: a damaged file is healed by storing its content again. */
  async function place(writing: string, path: string, digest: string): Promise<void> {
    const folder = join(directory, digest.slice(0, 2));
    await mkdir(folder, { recursive: true });
    if (
      (await stat(path).catch(() => undefined)) !== undefined &&
      (await digestOfFile(path).catch(() => undefined))?.digest === digest
    )
      return;
    await chmod(writing, 0o444);
    await rename(writing, path);
    await flushFolder(folder);
    await flushFolder(directory);
  }

  async function verifiedPath(digest: string): Promise<string> {
    const path = pathOf(digest);
    const { digest: actual } = await digestOfFile(path).catch((cause: unknown) => {
      throw missing(digest, 'it is not in the artifact store', cause);
    });
    if (actual !== digest) throw damaged(digest, actual);
    return path;
  }

  return {
    put,
    putFile: (path) => put(createReadStream(path, { highWaterMark: 2 ** 20 })),
    has,
    remove: async (digests) => {
      for (const digest of digests) await rm(pathOf(digest), { force: true });
    },
    read: async (digest) => {
      const bytes = await readFile(pathOf(digest)).catch((cause: unknown) => {
        throw missing(digest, 'it is not in the artifact store', cause);
      });
      const actual = sha256(bytes);
      if (actual !== digest) throw damaged(digest, actual);
      return bytes;
    },
    stream: async (digest) => {
      const path = pathOf(digest);
      if ((await has(digest)) === undefined) throw missing(digest, 'it is not in the artifact store');
      const file = createReadStream(path, { highWaterMark: 2 ** 18 });
      const checked = Readable.from(verifiedParts(file, digest), { objectMode: false });
      checked.once('close', () => file.destroy());
      return checked;
    },
    localPath: verifiedPath,
  };
}

async function writeDurably(path: string, content: Uint8Array | Readable): Promise<StoredArtifact> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of content instanceof Readable ? content : [content]) {
      const part = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
      hash.update(part);
      bytes += part.byteLength;
      await writeAll(file, part);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: hash.digest('hex'), bytes };
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.byteLength - offset);
    offset += bytesWritten;
  }
}

async function flushFolder(path: string): Promise<void> {
  // Windows has no handle on a folder; its renames are journalled.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
