/** What every artifact store promises. */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RemovableArtifacts } from '../../src/stores/artifacts.ts';
import { createFilesystemArtifacts } from '../../src/stores/filesystem/filesystem-artifacts.ts';
import type { S3Artifacts } from '../../src/stores/s3/s3-artifacts.ts';
import { openS3, type TestBucket, testBucket, withS3 } from '../support/s3.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

interface Backend {
  readonly name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
  /** A second store on the same bytes, as another process has it. */
  open(directory: string): RemovableArtifacts;
  /** Changes the stored bytes behind the store's back. */
  damage(directory: string, digest: string, bytes: Uint8Array): Promise<void>;
  /** What is neither an artifact nor on its way. */
  leftovers(directory: string): Promise<readonly string[]>;
}

const filesystem: Backend = {
  name: 'filesystem',
  begin: async () => {},
  end: async () => {},
  open: (directory) => createFilesystemArtifacts({ directory }),
  damage: async (directory, digest, bytes) => {
    const path = join(directory, digest.slice(0, 2), digest);
    await chmod(path, 0o644);
    await writeFile(path, bytes);
  },
  leftovers: async (directory) => readdir(join(directory, 'incoming')),
};

let bucket: TestBucket;
let opened: S3Artifacts[] = [];
const s3: Backend = {
  name: 's3',
  begin: async () => {
    bucket = await testBucket();
  },
  end: async () => {
    await Promise.all(opened.map((store) => store.close()));
    opened = [];
    await bucket.remove();
  },
  open: (directory) => {
    const store = openS3(bucket, directory);
    opened.push(store);
    return store;
  },
  damage: (_directory, digest, bytes) => bucket.put(`a prefix/${digest.slice(0, 2)}/${digest}`, bytes),
  leftovers: async (directory) => [
    ...(await bucket.contents()).filter((key) => !/^a prefix\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(key)),
    ...(await readdir(join(directory, 'spool')).catch(() => [])),
  ],
};
const backends: readonly Backend[] = [filesystem, ...(withS3 ? [s3] : [])];

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.each(backends)('artifacts: $name', ({ begin, end, open, damage, leftovers }) => {
  let temporary: TemporaryDirectory;
  let directory: string;
  let store: RemovableArtifacts;
  beforeAll(async () => {
    await begin();
    temporary = await temporaryDirectory();
    directory = join(temporary.path, 'with space', 'artifacts');
    store = open(directory);
  });
  afterAll(async () => {
    await end();
    await temporary.remove();
  });

  it('gives back what was put, under its SHA-256', async () => {
    const bytes = randomBytes(300_000);
    const stored = await store.put(bytes);
    expect(stored).toEqual({ digest: sha256(bytes), bytes: bytes.length });
    expect(Buffer.from(await store.read(stored.digest)).equals(bytes)).toBe(true);
    expect((await buffer(await store.stream(stored.digest))).equals(bytes)).toBe(true);
    expect(await store.has(stored.digest)).toEqual(stored);
    expect(await leftovers(directory)).toEqual([]);
  });

  it('takes a stream, a file and nothing at all', async () => {
    const parts = [randomBytes(70_000), randomBytes(1), randomBytes(150_000)];
    const whole = Buffer.concat(parts);
    expect((await store.put(Readable.from(parts))).digest).toBe(sha256(whole));
    await writeFile(join(temporary.path, 'file'), 'content of a file');
    expect(await store.putFile(join(temporary.path, 'file'))).toEqual({
      digest: sha256(Buffer.from('content of a file')),
      bytes: 17,
    });
    const nothing = await store.put(new Uint8Array());
    expect(await store.read(nothing.digest)).toHaveLength(0);
  });

  it('refuses content that is not what was announced, and leaves nothing', async () => {
    const bytes = randomBytes(1000);
    await expect(store.put(bytes, '0'.repeat(64))).rejects.toMatchObject({ code: 'ST105' });
    expect(await store.has(sha256(bytes))).toBeUndefined();
    expect(await leftovers(directory)).toEqual([]);
  });

  it('shows nothing of a stream that breaks off', async () => {
    const broken = Readable.from(
      (async function* () {
        yield randomBytes(10_000);
        throw new Error('the line went dead');
      })(),
    );
    await expect(store.put(broken)).rejects.toThrow('the line went dead');
    expect(await leftovers(directory)).toEqual([]);
  });

  it('never hands out damaged bytes, and heals by storing them again', async () => {
    const bytes = randomBytes(5000);
    const { digest } = await store.put(bytes);
    const damaged = Buffer.from(bytes);
    damaged[2500] = (damaged[2500] as number) ^ 1;
    await damage(directory, digest, damaged);
    await expect(store.read(digest)).rejects.toMatchObject({ code: 'MD203' });
    await expect(store.stream(digest).then((stream) => buffer(stream))).rejects.toMatchObject({ code: 'MD203' });
    await expect(store.localPath(digest)).rejects.toMatchObject({ code: 'MD203' });
    // Whoever counts bytes never has all of them.
    let came = 0;
    const handed = async () => {
      for await (const part of await store.stream(digest)) came += (part as Buffer).length;
    };
    await expect(handed()).rejects.toMatchObject({ code: 'MD203' });
    expect(came).toBeLessThan(bytes.length);
    await store.put(bytes);
    expect(Buffer.from(await store.read(digest)).equals(bytes)).toBe(true);
  });

  it('says which artifact is missing', async () => {
    const digest = 'ab'.repeat(32);
    expect(await store.has(digest)).toBeUndefined();
    await expect(store.read(digest)).rejects.toMatchObject({ code: 'MD203' });
    await expect(store.stream(digest)).rejects.toMatchObject({ code: 'MD203' });
    await expect(store.localPath(digest)).rejects.toMatchObject({ code: 'MD203' });
    await expect(store.read('../../etc/passwd')).rejects.toMatchObject({ code: 'MD203' });
  });

  it('removes what it is told to, and nothing else; the same content may come again', async () => {
    const [gone, kept] = [await store.put(randomBytes(100)), await store.put(randomBytes(100))];
    const bytes = await store.read(gone.digest);
    await store.remove([gone.digest, sha256(randomBytes(8))]);
    await store.remove([gone.digest]);
    expect(await store.has(gone.digest)).toBeUndefined();
    expect(await store.has(kept.digest)).toEqual(kept);
    expect(await store.put(bytes)).toEqual(gone);
    expect(await store.read(gone.digest)).toEqual(bytes);
  });

  it('takes and gives content of many parts, also at once', async () => {
    const bytes = Buffer.concat(Array.from({ length: 21 }, () => randomBytes(2 ** 20)));
    const path = join(temporary.path, 'large');
    await writeFile(path, bytes);
    const [stored, again] = await Promise.all([store.putFile(path), open(directory).put(Readable.from([bytes]))]);
    expect(stored).toEqual({ digest: sha256(bytes), bytes: bytes.length });
    expect(again).toEqual(stored);
    expect((await buffer(await store.stream(stored.digest))).equals(bytes)).toBe(true);
    expect((await readFile(await store.localPath(stored.digest))).equals(bytes)).toBe(true);
    expect(await leftovers(directory)).toEqual([]);
  });

  it('gives the path of a file again, until it is removed', async () => {
    const { digest } = await store.put(randomBytes(1000));
    const paths = await Promise.all([store.localPath(digest), store.localPath(digest), store.localPath(digest)]);
    expect(new Set(paths).size).toBe(1);
    await store.remove([digest]);
    await expect(store.localPath(digest)).rejects.toMatchObject({ code: 'MD203' });
  });

  it('stores one content once, however many put it at once', async () => {
    const bytes = randomBytes(200_000);
    const other = open(directory);
    const stored = await Promise.all(
      Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? store : other).put(bytes)),
    );
    expect(new Set(stored.map(({ digest }) => digest))).toEqual(new Set([sha256(bytes)]));
    expect(Buffer.from(await other.read(sha256(bytes))).equals(bytes)).toBe(true);
    expect(await leftovers(directory)).toEqual([]);
  });
});
