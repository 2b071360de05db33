/**
 * Artifacts as objects of a bucket, named by their SHA-256 below a prefix: `PREFIX/ab/ab12….`. A stream of unknown content is spooled to disk, so
 * that its name is known before it is sent; then it is written where nothing is yet, by a condition that the server checks.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { sha256 } from '../../lib/canonical.ts';
import { MlopsError } from '../../lib/error.ts';
import { digestOfFile, isDigest, missing, refuseOther, verifiedParts } from '../artifact-content.ts';
import type { ArtifactHealth, RemovableArtifacts, StoredArtifact } from '../artifacts.ts';
import { isAbsent, isTaken, isUnknownCondition, toldByS3 } from './errors.ts';
import type { LocalCopies } from './local-copies.ts';
import type { S3Settings } from './settings.ts';
import { type Target, uploadBytes, uploadFile } from './upload.ts';

export interface S3Artifacts extends RemovableArtifacts {
  /** ST140 to ST143 where it cannot be used. */
  check(): Promise<ArtifactHealth>;
  close(): Promise<void>;
}

export interface S3ArtifactsOptions {
  readonly settings: S3Settings;
  /** Where streams are spooled. Made when first written to. */
  readonly spool: string;
  /** For `localPath`. */
  readonly copies: LocalCopies;
}

const ATTEMPTS = 3;
const REMOVED_AT_ONCE = 8;

export function createS3Artifacts({ settings, spool, copies }: S3ArtifactsOptions): S3Artifacts {
  const { bucket, prefix, endpoint, region, pathStyle, credentials, timeoutMs } = settings;
  const where = `s3://${bucket}/${prefix}${endpoint === undefined ? '' : ` at ${withoutSecrets(endpoint)}`}`;
  const client = quietly(
    () =>
      new S3Client({
        ...(endpoint !== undefined && { endpoint }),
        ...(region !== undefined && { region }),
        ...(credentials !== undefined && { credentials }),
        forcePathStyle: pathStyle,
        maxAttempts: ATTEMPTS,
        // Content is verified by its SHA-256 whenever it is read; checksums that not every server knows are left out.
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
        requestHandler: {
          connectionTimeout: Math.min(timeoutMs, 3_000),
          requestTimeout: timeoutMs,
          throwOnRequestTimeout: true,
          socketTimeout: timeoutMs,
        },
      }),
  );

  const keyOf = (digest: string): string => {
    if (!isDigest(digest)) throw missing(digest, 'it is no SHA-256 digest');
    return `${prefix}${digest.slice(0, 2)}/${digest}`;
  };
  const told = (error: unknown): MlopsError => toldByS3(error, { where });
  /** For calls that carry no content: all attempts together. */
  const soon = () => ({ abortSignal: AbortSignal.timeout(timeoutMs * ATTEMPTS) });

  const has = async (digest: string): Promise<StoredArtifact | undefined> => {
    const Key = keyOf(digest);
    try {
      const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }), soon());
      return { digest, bytes: found.ContentLength ?? 0 };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw told(error);
    }
  };

  const get = async (digest: string): Promise<Readable> => {
    const Key = keyOf(digest);
    try {
      return (await client.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body as Readable;
    } catch (error) {
      throw isAbsent(error) ? missing(digest, 'it is not in the artifact store') : told(error);
    }
  };

  /** Verified as it flows; asked for when it is first read, so that no error comes before somebody listens. */
  const stream = async (digest: string): Promise<Readable> => {
    const body = await get(digest);
    const checked = Readable.from(verifiedParts(partsOf(body, told), digest), { objectMode: false });
    checked.once('close', () => body.destroy());
    return checked;
  };

  const isWhole = async (digest: string): Promise<boolean> => {
    try {
      for await (const _ of await stream(digest));
      return true;
    } catch (error) {
      if (error instanceof MlopsError && error.code === 'MD203') return false;
      throw error;
    }
  };

  /** What lies there already is kept only where it is whole: a damaged object is healed by storing its content again. */
  const place = async (stored: StoredArtifact, send: (target: Target) => Promise<void>): Promise<StoredArtifact> => {
    const { digest, bytes } = stored;
    const target = { Bucket: bucket, Key: keyOf(digest) };
    try {
      const there = await has(digest);
      if (there === undefined) {
        try {
          await send({ ...target, IfNoneMatch: '*' });
        } catch (error) {
          if (isUnknownCondition(error)) await send(target);
          // Another one stored the same content meanwhile, or does in this moment.
          else if (!isTaken(error)) throw error;
          else if (!(await isWhole(digest))) await send(target);
        }
      } else if (there.bytes !== bytes || !(await isWhole(digest))) await send(target);
      return stored;
    } catch (error) {
      throw told(error);
    }
  };

  const putFile = async (path: string, expected?: string): Promise<StoredArtifact> => {
    const stored = await digestOfFile(path);
    refuseOther(stored.digest, expected);
    return place(stored, (target) => uploadFile(client, target, path, stored));
  };

  const spooled = async (content: Readable, expected: string | undefined): Promise<StoredArtifact> => {
    await mkdir(spool, { recursive: true });
    const path = join(spool, randomUUID());
    try {
      await pipeline(content, createWriteStream(path, { flags: 'wx' }));
      return await putFile(path, expected);
    } finally {
      await rm(path, { force: true });
    }
  };

  return {
    put: async (content, expected) => {
      if (content instanceof Readable) return spooled(content, expected);
      const stored = { digest: sha256(content), bytes: content.byteLength };
      refuseOther(stored.digest, expected);
      return place(stored, (target) => uploadBytes(client, target, content, stored.digest));
    },
    putFile: (path) => putFile(path),
    has,
    read: async (digest) => {
      const parts: Uint8Array[] = [];
      for await (const part of await stream(digest)) parts.push(part as Uint8Array);
      return Buffer.concat(parts);
    },
    stream,
    localPath: (digest) => copies.path(digest, () => stream(digest)),
    remove: async (digests) => {
      const keys = digests.map(keyOf);
      for (let at = 0; at < keys.length; at += REMOVED_AT_ONCE) {
        const group = keys.slice(at, at + REMOVED_AT_ONCE);
        await Promise.all(
          group.map((Key) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key }), soon())),
        ).catch((error: unknown) => {
          if (!isAbsent(error)) throw told(error);
        });
      }
      await copies.forget(digests);
    },
    check: async () => {
      try {
        await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), soon());
      } catch (error) {
        throw told(error);
      }
      return { detail: where, warnings: [] };
    },
    close: async () => client.destroy(),
  };
}

/** The SDK warns once a process that its versions of next year want another Node: no concern of who runs a command. */
function quietly<T>(make: () => T): T {
  const name = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';
  const before = process.env[name];
  process.env[name] = 'true';
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

/** As they come; what goes wrong on the way is told as such. */
async function* partsOf(body: Readable, told: (error: unknown) => MlopsError): AsyncGenerator<Buffer> {
  try {
    for await (const part of body) yield part as Buffer;
  } catch (error) {
    throw told(error);
  }
}

function withoutSecrets(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).origin : 'an endpoint that is no URL';
}
