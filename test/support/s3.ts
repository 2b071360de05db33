/**
 * An S3 server that is there: `MLOPS_TEST_S3_ENDPOINT` names it, with MLOPS_TEST_S3_ACCESS_KEY and MLOPS_TEST_S3_SECRET_KEY. In CI a missing one is a
 * failure; elsewhere `withS3` leaves tests out. Each test has a bucket of its own.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { createFilesystemArtifacts } from '../../src/stores/filesystem/filesystem-artifacts.ts';
import { createLocalCopies } from '../../src/stores/s3/local-copies.ts';
import { createS3Artifacts, type S3Artifacts } from '../../src/stores/s3/s3-artifacts.ts';
import type { S3Settings } from '../../src/stores/s3/settings.ts';

// The SDK's word about next year's Node is no concern of a test.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
const endpoint = process.env['MLOPS_TEST_S3_ENDPOINT'];
if (endpoint === undefined && process.env['CI'] !== undefined)
  throw new Error('MLOPS_TEST_S3_ENDPOINT is not set: it names an S3 server that may be used up');

/** False where there is no server and that is no failure. */
export const withS3: boolean = endpoint !== undefined;

export interface TestBucket {
  readonly bucket: string;
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Keys, and `KEY (upload)` of what was begun and never ended. */
  contents(): Promise<readonly string[]>;
  /** Behind the store's back. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(): Promise<void>;
}

/** A store below `a prefix/` of the bucket; what is this machine's lies in `directory`. */
export function openS3(
  { bucket, endpoint, accessKeyId, secretAccessKey }: Omit<TestBucket, 'contents' | 'put' | 'remove'>,
  directory: string,
  change: Partial<S3Settings> = {},
): S3Artifacts {
  const copies = join(directory, 'copies');
  return createS3Artifacts({
    settings: {
      bucket,
      prefix: 'a prefix/',
      endpoint,
      region: 'us-east-1',
      pathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      timeoutMs: 10_000,
      ...change,
    },
    spool: join(directory, 'spool'),
    copies: createLocalCopies(createFilesystemArtifacts({ directory: copies }), {
      directory: copies,
      mostBytes: 2 ** 30,
      now: Date.now,
    }),
  });
}

export async function testBucket(): Promise<TestBucket> {
  if (endpoint === undefined) throw new Error('there is no S3 server');
  const accessKeyId = process.env['MLOPS_TEST_S3_ACCESS_KEY'] ?? 'test';
  const secretAccessKey = process.env['MLOPS_TEST_S3_SECRET_KEY'] ?? 'test-secret';
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  const Bucket = `mlops-test-${randomBytes(8).toString('hex')}`;
  await client.send(new CreateBucketCommand({ Bucket }));

  async function versions(): Promise<readonly { readonly Key: string; readonly VersionId: string | undefined }[]> {
    const found: { Key: string; VersionId: string | undefined }[] = [];
    let at: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (let more = true; more; ) {
      const page = await client.send(new ListObjectVersionsCommand({ Bucket, ...at }));
      for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])])
        if (Key !== undefined) found.push({ Key, VersionId });
      more = page.IsTruncated === true;
      at = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
    return found;
  }

  return {
    bucket: Bucket,
    endpoint,
    accessKeyId,
    secretAccessKey,
    contents: async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
      return [...(await versions()).map(({ Key }) => Key), ...Uploads.map(({ Key }) => `${Key} (upload)`)];
    },
    put: async (Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    remove: async () => {
      for (const one of await versions()) await client.send(new DeleteObjectCommand({ Bucket, ...one }));
      await client.send(new DeleteBucketCommand({ Bucket }));
      client.destroy();
    },
  };
}
