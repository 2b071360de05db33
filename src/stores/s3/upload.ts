/**
 * Bytes into S3 under a key that nothing has yet: whole where they are few, else part by part, a few parts in memory at a time. Nothing is
 * visible before the last; what breaks off leaves nothing.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { MlopsError } from '../../lib/error.ts';
import type { StoredArtifact } from '../artifacts.ts';

/** S3's smallest part is 5 MiB, its largest number of them 10,000. */
const PART_BYTES = 8 * 2 ** 20;
const MOST_PARTS = 10_000;
const PARTS_AT_ONCE = 3;

export interface Target {
  readonly Bucket: string;
  readonly Key: string;
  /** Only where nothing is there. Default: whatever is there. */
  readonly IfNoneMatch?: '*';
}

export async function uploadBytes(client: S3Client, target: Target, bytes: Uint8Array, digest: string): Promise<void> {
  await client.send(
    new PutObjectCommand({
      ...target,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentType: 'application/octet-stream',
      ChecksumSHA256: Buffer.from(digest, 'hex').toString('base64'),
    }),
  );
}

/** ST105 where the file is no longer what its digest says. */
export async function uploadFile(
  client: S3Client,
  target: Target,
  path: string,
  { digest, bytes }: StoredArtifact,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    if (bytes <= PART_BYTES) {
      const content = await piece(file, 0, bytes);
      if (createHash('sha256').update(content).digest('hex') !== digest) throw changed(path);
      await uploadBytes(client, target, content, digest);
      return;
    }
    await uploadParts(client, target, file, { digest, bytes, path });
  } finally {
    await file.close();
  }
}

async function uploadParts(
  client: S3Client,
  { Bucket, Key, ...condition }: Target,
  file: FileHandle,
  { digest, bytes, path }: StoredArtifact & { readonly path: string },
): Promise<void> {
  const at = { Bucket, Key };
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ ...at, ContentType: 'application/octet-stream' }),
  );
  try {
    const size = Math.max(PART_BYTES, Math.ceil(bytes / MOST_PARTS));
    const hash = createHash('sha256');
    const parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (let offset = 0; offset < bytes; offset += size * PARTS_AT_ONCE) {
      // Read in turn, for the digest; sent side by side.
      const group: { readonly PartNumber: number; readonly content: Uint8Array }[] = [];
      for (let begin = offset; begin < Math.min(bytes, offset + size * PARTS_AT_ONCE); begin += size) {
        const content = await piece(file, begin, Math.min(size, bytes - begin));
        hash.update(content);
        group.push({ PartNumber: begin / size + 1, content });
      }
      const sent = await Promise.all(
        group.map(async ({ PartNumber, content }) => {
          const part = new UploadPartCommand({ ...at, UploadId, PartNumber, Body: content });
          return { PartNumber, ETag: (await client.send(part)).ETag };
        }),
      );
      parts.push(...sent);
    }
    if (hash.digest('hex') !== digest) throw changed(path);
    await client.send(
      new CompleteMultipartUploadCommand({ ...at, ...condition, UploadId, MultipartUpload: { Parts: parts } }),
    );
  } catch (error) {
    // What cannot be taken back now is removed by the bucket's rule for uploads that were left.
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => {});
    throw error;
  }
}

async function piece(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const content = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(content, read, length - read, offset + read);
    if (bytesRead === 0) return content.subarray(0, read);
    read += bytesRead;
  }
  return content;
}

function changed(path: string): MlopsError {
  return new MlopsError('ST105', {
    detail: `${path} changed while it was stored.`,
    hint: 'store it again once nothing writes to it',
    status: 422,
  });
}
