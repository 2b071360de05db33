/** `online.redis` of an environment as the client's settings, in each of its spellings; no secret in what is refused. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisSettings } from '../../src/compose/online.ts';
import { MlopsError } from '../../src/lib/error.ts';
import { createRedisOnline } from '../../src/stores/redis/redis-online.ts';
import { readNodes, readUrl } from '../../src/stores/redis/settings.ts';
import { startRedis, type TestRedis, withRedis } from '../support/redis.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const variables = { REDIS_URL: 'rediss://me:p%40ss@cache:7000/3', PASSWORD: 'hunter2', NODES: 'a:1,b:2' };

describe('online.redis', () => {
  it('is a reference, a text, or settings whose secrets are references', () => {
    expect(redisSettings({ $env: 'REDIS_URL' }, '/', variables)).toMatchObject({
      server: { kind: 'single', url: variables.REDIS_URL },
      keyPrefix: 'mlops:',
      timeoutMs: 2_000,
    });
    expect(redisSettings('redis://cache', '/', variables).server).toEqual({ kind: 'single', url: 'redis://cache' });
    expect(
      redisSettings(
        {
          sentinel: { name: 'm', nodes: [{ $env: 'NODES' }], password: { $env: 'PASSWORD' } },
          db: 2,
          timeout: '500ms',
        },
        '/',
        variables,
      ),
    ).toMatchObject({
      server: { kind: 'sentinel', name: 'm', nodes: ['a:1,b:2'], password: 'hunter2' },
      db: 2,
      timeoutMs: 500,
    });
    expect(
      redisSettings({ cluster: { nodes: ['a:1'] }, keyPrefix: 'x:', username: 'u', tls: true }, '/', variables),
    ).toMatchObject({ server: { kind: 'cluster', nodes: ['a:1'] }, keyPrefix: 'x:', username: 'u', tls: {} });
  });

  it('reads URLs and nodes as they are written', () => {
    expect(readUrl(variables.REDIS_URL)).toEqual({
      host: 'cache',
      port: 7000,
      username: 'me',
      password: 'p@ss',
      db: 3,
      tls: true,
    });
    expect(readUrl('redis://[::1]')).toMatchObject({ host: '::1', port: 6379, db: undefined, tls: false });
    expect(readNodes(['a:1, b', '[::1]:7'], 'sentinel')).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 26_379 },
      { host: '::1', port: 7 },
    ]);
  });

  it('refuses what it cannot read without repeating it', () => {
    const wrong = [
      () => readUrl('hunter2@host'),
      () => readUrl('http://:hunter2@host'),
      () => readUrl('redis://:hunter2@host/zero'),
      () => readUrl('redis://:hunter2%@host'),
      () => readNodes(['me:hunter2@host:1'], 'cluster'),
      () => redisSettings({ url: 'redis://:hunter2@host', tls: { ca: 'none.pem' } }, '/nowhere', variables),
    ];
    for (const read of wrong) {
      let told: unknown;
      try {
        read();
      } catch (error) {
        told = error;
      }
      expect(told).toBeInstanceOf(MlopsError);
      expect((told as MlopsError).code).toBe('ST123');
      expect(inspect(told, { depth: 5 })).not.toContain('hunter2:');
      expect((told as MlopsError).message).not.toContain('hunter2');
    }
    expect(() => redisSettings({ $env: 'UNSET' }, '/', variables)).toThrow(/UNSET/);
  });
});

describe.runIf(withRedis)('a server that speaks TLS and knows its users', () => {
  let directory: TemporaryDirectory;
  let server: TestRedis;
  const tlsPort = 20_000 + (process.pid % 10_000);
  beforeAll(async () => {
    directory = await temporaryDirectory();
    const at = (name: string) => join(directory.path, name);
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=cache'];
    const names = ['-addext', 'subjectAltName=DNS:cache', '-keyout', at('key.pem'), '-out', at('cert.pem')];
    execFileSync('openssl', [...made, ...names], { stdio: 'ignore' });
    const files = [
      '--tls-cert-file',
      at('cert.pem'),
      '--tls-key-file',
      at('key.pem'),
      '--tls-ca-cert-file',
      at('cert.pem'),
    ];
    server = await startRedis({ args: ['--tls-port', String(tlsPort), ...files] });
    // As docs/features.md says.
    const rights = ['~mlops:*', '+@read', '+@write', '+@connection', '+eval', '+evalsha', '+scan', '+info', '+cluster'];
    await server.command('ACL', 'SETUSER', 'mlops', 'on', '>secret', ...rights);
  });
  afterAll(async () => {
    await server?.stop();
    await directory?.remove();
  });

  it('serves a user with the rights that the page names, and its own keys only', async () => {
    const table = { set: 'labs', version: 1 };
    const key = Buffer.from('a');
    const record = { eventTime: 1n, createdTime: null, sequence: 1, values: { x: 1 } };
    const open = (more: object) =>
      createRedisOnline(
        redisSettings(
          {
            url: `rediss://127.0.0.1:${tlsPort}`,
            username: 'mlops',
            password: { $env: 'SECRET' },
            tls: { ca: 'cert.pem', cert: 'cert.pem', key: 'key.pem', serverName: 'cache' },
            ...more,
          },
          directory.path,
          { SECRET: 'secret' },
        ),
        { project: 'p', environment: 'e' },
      );
    const store = open({});
    expect(await store.write(table, [{ key, record }])).toBe(1);
    await store.setProgress(table, { sequence: 1, visibleAt: 1n });
    expect(await store.progress(table)).toEqual({ sequence: 1, visibleAt: 1n });
    const [[found] = []] = await store.read([{ table, keys: [key] }]);
    expect(found?.values).toEqual(record.values);
    expect((await store.check()).warnings).toEqual([]);
    expect(await store.inspect([table])).toEqual([{ progress: { sequence: 1, visibleAt: 1n }, empty: false }]);
    await store.drop(table);
    expect(await store.read([{ table, keys: [key] }])).toEqual([[undefined]]);
    const elsewhere = open({ keyPrefix: 'other:' });
    await expect(elsewhere.read([{ table, keys: [key] }])).rejects.toMatchObject({ code: 'ST121' });
    const distrusting = open({ tls: { serverName: 'cache' } });
    await expect(distrusting.read([{ table, keys: [key] }])).rejects.toMatchObject({ code: 'ST120' });
    await Promise.all([store, elsewhere, distrusting].map((one) => one.close()));
  });
});
