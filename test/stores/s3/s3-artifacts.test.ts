/** Artifacts on S3 where something is wrong: the server, the way to it, the keys, the bucket. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { s3Settings } from '../../../src/compose/artifacts.ts';
import { sha256 } from '../../../src/lib/canonical.ts';
import { MlopsError } from '../../../src/lib/error.ts';
import { createFilesystemArtifacts } from '../../../src/stores/filesystem/filesystem-artifacts.ts';
import { createLocalCopies } from '../../../src/stores/s3/local-copies.ts';
import type { S3Artifacts } from '../../../src/stores/s3/s3-artifacts.ts';
import { openS3, type TestBucket, testBucket, withS3 } from '../../support/s3.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory();
});
afterAll(() => folder.remove());

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-very-secret-key' };
const opened: S3Artifacts[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
const storeAt = (endpoint: string, change: Parameters<typeof openS3>[2] = {}) => {
  const store = openS3({ bucket: 'models', endpoint, ...KEYS }, folder.path, change);
  opened.push(store);
  return store;
};
const serverThat = async (answers: Parameters<typeof createServer>[1]): Promise<string> => {
  const server = createServer(answers as never);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const failure = async (work: Promise<unknown>): Promise<MlopsError> => {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MlopsError);
  return error as MlopsError;
};
const DIGEST = sha256('x');

describe('an artifact store on S3', () => {
  it('says that nothing answers where nothing listens, for everything that is asked of it', async () => {
    const endpoint = await serverThat(() => {});
    for (const server of servers.splice(0)) server.close();
    const store = storeAt(endpoint);
    const begun = performance.now();
    for (const work of [
      () => store.check(),
      () => store.has(DIGEST),
      () => store.read(DIGEST),
      () => store.localPath(DIGEST),
      () => store.put(Buffer.from('x')),
      () => store.put(Readable.from([Buffer.from('x')])),
      () => store.remove([DIGEST]),
    ])
      expect(await failure(work())).toMatchObject({
        code: 'ST140',
        retryable: true,
        detail: expect.stringContaining('ECONNREFUSED'),
      });
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it('waits for a server that takes what is asked and never answers only so long', async () => {
    const endpoint = await serverThat((request) => void request.resume());
    const store = storeAt(endpoint, { timeoutMs: 200 });
    const begun = performance.now();
    for (const work of [() => store.has(DIGEST), () => store.read(DIGEST), () => store.put(Buffer.from('x'))])
      expect(await failure(work())).toMatchObject({ code: 'ST140' });
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('fails a read whose bytes stop coming, or whose connection is cut', async () => {
    const begin = (answer: (respond: import('node:http').ServerResponse) => void) =>
      serverThat((_request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('the beginning');
        answer(response);
      });
    const stalled = storeAt(await begin(() => {}), { timeoutMs: 200 });
    expect(await failure(stalled.read(DIGEST))).toMatchObject({ code: 'ST140' });
    const cut = storeAt(await begin((response) => setImmediate(() => response.destroy())), { timeoutMs: 2_000 });
    expect(await failure(cut.read(DIGEST))).toMatchObject({ code: 'ST140' });
  });

  it('writes also where the server knows no conditions', async () => {
    const stored = new Map<string, Buffer>();
    const endpoint = await serverThat(async (request, response) => {
      const path = new URL(request.url ?? '', 'http://x').pathname;
      const body = await buffer(request);
      if (request.method === 'PUT' && request.headers['if-none-match'] !== undefined) {
        response.writeHead(501).end('<Error><Code>NotImplemented</Code></Error>');
        return;
      }
      if (request.method === 'PUT') stored.set(path, body);
      const found = stored.get(path);
      if (found === undefined) response.writeHead(404).end();
      else if (request.method === 'PUT') response.writeHead(200).end();
      else response.writeHead(200, { 'content-length': String(found.length) }).end(found);
    });
    const store = storeAt(endpoint);
    const { digest } = await store.put(Buffer.from('content'));
    expect(Buffer.from(await store.read(digest)).toString()).toBe('content');
  });

  it.each([
    [403, 'InvalidAccessKeyId', 'ST141'],
    [403, 'AccessDenied', 'ST141'],
    [404, 'NoSuchBucket', 'ST142'],
    [400, 'InvalidRequest', 'ST142'],
    [503, 'SlowDown', 'ST140'],
  ])('tells %s %s as what it is, without a secret', async (status, name, code) => {
    const endpoint = await serverThat((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(
        `<?xml version="1.0"?><Error><Code>${name}</Code><Message>${KEYS.secretAccessKey}</Message></Error>`,
      );
    });
    const error = await failure(storeAt(endpoint).check());
    expect(error).toMatchObject({ code });
    expect(JSON.stringify({ ...error, message: error.message, stack: error.stack })).not.toContain(
      KEYS.secretAccessKey,
    );
    expect(error.cause).toBeUndefined();
  });
});

describe.runIf(withS3)('an artifact store on a real S3 server', () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await testBucket();
  });
  afterAll(() => bucket.remove());

  it('tells a bucket that is not there, and keys that are wrong', async () => {
    const elsewhere = openS3({ ...bucket, bucket: 'no-such-bucket-here' }, folder.path);
    const stranger = openS3({ ...bucket, secretAccessKey: 'another' }, folder.path);
    opened.push(elsewhere, stranger);
    expect(await failure(elsewhere.check())).toMatchObject({ code: 'ST142' });
    expect(await failure(stranger.check())).toMatchObject({ code: 'ST141' });
    expect(await failure(stranger.put(Buffer.from('x')))).toMatchObject({ code: 'ST141' });
  });

  it('can be used', async () => {
    const store = openS3(bucket, folder.path);
    opened.push(store);
    expect(await store.check()).toMatchObject({ detail: expect.stringContaining(bucket.bucket), warnings: [] });
  });

  it('takes and gives far more than it holds in memory', { timeout: 120_000 }, async () => {
    const store = openS3(bucket, folder.path);
    opened.push(store);
    const part = randomBytes(2 ** 20);
    const parts = 200;
    const content = Readable.from(
      (function* () {
        for (let at = 0; at < parts; at += 1) {
          part.writeUInt32BE(at);
          yield Buffer.from(part);
        }
      })(),
    );
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 20);
    try {
      const { digest, bytes } = await store.put(content);
      expect(bytes).toBe(parts * 2 ** 20);
      let read = 0;
      for await (const chunk of await store.stream(digest)) read += (chunk as Buffer).length;
      expect(read).toBe(bytes);
    } finally {
      clearInterval(watch);
    }
    expect(most / 2 ** 20).toBeLessThan(150);
  });
});

describe('copies of artifacts on this machine', () => {
  it('hold no more than they may, and what was asked for lately stays', async () => {
    const directory = join(folder.path, 'limited');
    const now = Date.now();
    const copies = createLocalCopies(createFilesystemArtifacts({ directory }), {
      directory,
      mostBytes: 250,
      now: () => now,
    });
    const contents = Array.from({ length: 4 }, () => randomBytes(100));
    const digests = contents.map((content) => sha256(content));
    for (const [at, content] of contents.entries()) {
      const path = await copies.path(digests[at]!, async () => Readable.from([content]));
      // The first two were asked for hours ago, the first one longest.
      if (at < 2) await utimes(path, new Date(now), new Date(now - (3 - at) * 3_600_000));
    }
    const kept = (await readdir(directory, { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name));
    expect(kept.map((name) => name.slice(-64)).sort()).toEqual(digests.slice(2).sort());
  });

  it('are fetched again where they are damaged', async () => {
    const directory = join(folder.path, 'damaged');
    const copies = createLocalCopies(createFilesystemArtifacts({ directory }), {
      directory,
      mostBytes: 1e6,
      now: Date.now,
    });
    const digest = sha256('content');
    await mkdir(join(directory, digest.slice(0, 2)), { recursive: true });
    await writeFile(join(directory, digest.slice(0, 2), digest), 'other');
    expect(await copies.path(digest, async () => Readable.from([Buffer.from('content')]))).toContain(digest);
  });
});

describe('settings of S3', () => {
  it('take secrets from variables, and say which is not set', () => {
    const spec = {
      bucket: 'models',
      endpoint: 'http://minio:9000',
      accessKeyId: { $env: 'KEY' },
      secretAccessKey: { $env: 'SECRET' },
    };
    expect(s3Settings(spec, { KEY: 'a', SECRET: 'b' })).toMatchObject({
      prefix: 'mlops/',
      region: 'us-east-1',
      pathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    });
    expect(() => s3Settings(spec, { KEY: 'a' })).toThrow(expect.objectContaining({ code: 'SP110' }));
    expect(s3Settings({ bucket: 'models', prefix: '' }, {})).toMatchObject({
      prefix: '',
      pathStyle: false,
      credentials: undefined,
    });
    expect(() => s3Settings({ bucket: 'models', endpoint: 'minio:9000' }, {})).toThrow(
      expect.objectContaining({ code: 'ST143' }),
    );
  });
});
