/** The online store on one Redis server: what the contract of every store does not say. */
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MlopsError } from '../../../src/lib/error.ts';
import type { OnlineRecord, OnlineStore } from '../../../src/stores/online.ts';
import { createRedisOnline } from '../../../src/stores/redis/redis-online.ts';
import type { RedisSettings } from '../../../src/stores/redis/settings.ts';
import { eventually } from '../../support/eventually.ts';
import { startRedis, type TestRedis, withRedis } from '../../support/redis.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

const TIMEOUT_MS = 1_000;
const PASSWORD = 'p@ss word/%';
const scope = { project: 'healthcare', environment: 'test' };
const table = { set: 'labs', version: 1 };
const key = (text: string): Uint8Array => Buffer.from(text);
const record = (eventTime: bigint): OnlineRecord => ({
  eventTime,
  createdTime: null,
  sequence: 1,
  values: { at: 'x' },
});

async function failure(promise: Promise<unknown>): Promise<MlopsError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MlopsError);
  expect(inspect(error, { depth: 10 })).not.toContain(PASSWORD);
  expect(inspect(error, { depth: 10 })).not.toContain(encodeURIComponent(PASSWORD));
  return error as MlopsError;
}

describe.runIf(withRedis)('the online store on Redis', () => {
  let server: TestRedis;
  const opened: OnlineStore[] = [];
  const openAt = (url: string, more: Partial<RedisSettings> = {}, of = scope): OnlineStore => {
    const store = createRedisOnline(
      { server: { kind: 'single', url }, keyPrefix: 'mlops:', timeoutMs: TIMEOUT_MS, ...more },
      of,
    );
    opened.push(store);
    return store;
  };
  let store: OnlineStore;
  const readOne = async (from: OnlineStore, of = table) => (await from.read([{ table: of, keys: [key('a')] }]))[0]?.[0];

  beforeAll(async () => {
    server = await startRedis({ password: PASSWORD });
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.command('FLUSHALL');
    store = openAt(server.url);
    await store.write(table, [{ key: key('a'), record: record(5n) }]);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });

  it('reads any number of sets and entities in one round trip, and writes thousands of records in one', async () => {
    const proxy = await startTcpProxy(server.port, 20);
    const through = openAt(server.url.replace(String(server.port), String(proxy.port)));
    const keys = Array.from({ length: 1_500 }, (_, index) => key(`k${index}`));
    await through.read([{ table, keys: [key('a')] }]);
    let before = proxy.turns();
    await through.read([1, 2, 3].map((version) => ({ table: { set: 'labs', version }, keys })));
    expect(proxy.turns() - before).toBe(1);
    before = proxy.turns();
    await through.write(
      table,
      keys.map((one) => ({ key: one, record: record(1n) })),
    );
    expect(proxy.turns() - before).toBeLessThanOrEqual(2); // one more where the server does not know the script yet
    before = proxy.turns();
    await through.write(
      table,
      keys.map((one) => ({ key: one, record: record(2n) })),
    );
    expect(proxy.turns() - before).toBe(1);
    before = proxy.turns();
    await Promise.all(Array.from({ length: 50 }, () => through.read([{ table, keys: [key('a')] }])));
    expect(proxy.turns() - before).toBe(1);
    await through.close();
    await proxy.close();
  });

  it('sees nothing of another project, environment, prefix or database, whose names look alike', async () => {
    const others = [
      openAt(server.url, {}, { project: 'healthcare:test', environment: 'labs' }),
      openAt(server.url, {}, { project: 'healthcare', environment: 'test:labs' }),
      openAt(server.url, {}, { project: 'health*', environment: 'test' }),
      openAt(server.url, { keyPrefix: '' }),
      openAt(server.url, { keyPrefix: 'mlops:healthcare:' }),
      openAt(server.url, { db: 1 }),
    ];
    for (const [index, other] of others.entries()) {
      expect(await readOne(other)).toBeUndefined();
      await other.write(table, [{ key: key('a'), record: record(BigInt(100 + index)) }]);
    }
    const sets = ['labs:1', 'labs*', 'labs:1:r', '{labs}', 'lab?'];
    for (const set of sets) await store.write({ set, version: 1 }, [{ key: key('a'), record: record(7n) }]);
    await store.drop({ set: 'labs*', version: 1 });
    await store.drop({ set: 'lab?', version: 1 });
    await others[2]?.drop(table);
    expect((await readOne(store))?.eventTime).toBe(5n);
    await store.drop(table);
    expect(await readOne(store)).toBeUndefined();
    for (const set of ['labs:1', 'labs:1:r', '{labs}'])
      expect((await readOne(store, { set, version: 1 }))?.eventTime).toBe(7n);
    for (const [index, other] of others.entries())
      expect((await readOne(other))?.eventTime).toBe(index === 2 ? undefined : BigInt(100 + index));
  });

  it('never lets a record expire: what is beyond its ttl is for the reader to say', async () => {
    const names = (await server.command('KEYS', '*')) as string[];
    expect(names).toHaveLength(1);
    expect(await server.command('PTTL', names[0] ?? '')).toBe(-1);
  });

  it('writes on after its script was forgotten', async () => {
    await server.command('SCRIPT', 'FLUSH');
    expect(await store.write(table, [{ key: key('a'), record: record(6n) }])).toBe(1);
    expect(await store.write(table, [{ key: key('a'), record: record(5n) }])).toBe(0);
  });

  it('says in bounded time that it is gone, at once from then on, and is there again by itself', async () => {
    await store.setProgress(table, { sequence: 4, visibleAt: 4n });
    await server.kill();
    try {
      const start = performance.now();
      const first = await failure(readOne(store));
      expect(performance.now() - start).toBeLessThan(TIMEOUT_MS * 2);
      expect([first.code, first.retryable]).toEqual(['ST120', true]);
      expect(first.detail).toContain(`127.0.0.1:${server.port}`);
      await eventually(async () => expect((await failure(readOne(store))).code).toBe('ST120'));
      const again = performance.now();
      const outcomes = await Promise.allSettled(Array.from({ length: 1_000 }, () => readOne(store)));
      expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
      expect(performance.now() - again).toBeLessThan(TIMEOUT_MS);
      expect((await failure(store.check())).code).toBe('ST120');
    } finally {
      await server.start();
    }
    await eventually(async () => expect(await readOne(store)).toBeUndefined());
    // It came back empty, and says so: the next materialization fills it.
    expect(await store.progress(table)).toBeUndefined();
    expect(await store.write(table, [{ key: key('a'), record: record(1n) }])).toBe(1);
  });

  it('says in bounded time that it hangs, and goes on when it goes on', async () => {
    process.kill(server.pid(), 'SIGSTOP');
    try {
      const start = performance.now();
      expect((await failure(readOne(store))).code).toBe('ST120');
      const write = store.write(table, [{ key: key('a'), record: record(9n) }]);
      expect((await failure(write)).code).toBe('ST120');
      expect(performance.now() - start).toBeLessThan(TIMEOUT_MS * 3);
    } finally {
      process.kill(server.pid(), 'SIGCONT');
    }
    await eventually(async () => expect((await readOne(store))?.eventTime).toBeGreaterThanOrEqual(5n));
  });

  it('does not take a table for filled whose server went away while it was filled', async () => {
    await store.setProgress(table, { sequence: 4, visibleAt: 4n });
    expect(await store.progress(table)).toEqual({ sequence: 4, visibleAt: 4n });
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(async () => expect((await readOne(store))?.eventTime).toBe(5n));
    expect((await failure(store.setProgress(table, { sequence: 9, visibleAt: 9n }))).code).toBe('ST120');
    expect(await store.progress(table)).toEqual({ sequence: 4, visibleAt: 4n });
    await store.setProgress(table, { sequence: 9, visibleAt: 9n });
    expect(await store.progress(table)).toEqual({ sequence: 9, visibleAt: 9n });
  });

  it('tells a wrong password, a missing one and a user who may not write, and no password', async () => {
    const wrong = openAt(`redis://:other@127.0.0.1:${server.port}`);
    expect((await failure(readOne(wrong))).code).toBe('ST121');
    const none = openAt(`redis://127.0.0.1:${server.port}`);
    expect((await failure(readOne(none))).code).toBe('ST121');
    await server.command('ACL', 'SETUSER', 'reader', 'on', `>${PASSWORD}`, '~*', '+@read', '+@connection', '+info');
    const reader = openAt(`redis://127.0.0.1:${server.port}`, { username: 'reader', password: PASSWORD });
    expect((await readOne(reader))?.eventTime).toBe(5n);
    const refused = await failure(reader.write(table, [{ key: key('a'), record: record(6n) }]));
    expect([refused.code, refused.retryable]).toEqual(['ST121', false]);
  });

  it('tells a full server, a replica and one that cannot save, and reads on', async () => {
    const write = () => store.write(table, [{ key: key('b'), record: record(6n) }]);
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const full = await failure(write());
    expect([full.code, full.retryable, full.detail]).toEqual(['ST122', true, expect.stringContaining('is full')]);
    expect((await readOne(store))?.eventTime).toBe(5n);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await server.command('REPLICAOF', '127.0.0.1', '1');
    const replica = await failure(write());
    expect([replica.code, replica.detail]).toEqual(['ST122', expect.stringContaining('is a replica')]);
    await server.command('REPLICAOF', 'NO', 'ONE');
    expect(await write()).toBe(1);
  });

  it('tells a server that is loading its data', async () => {
    const loading = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        const commands = chunk
          .toString()
          .split('\r\n')
          .filter((line) => line.startsWith('*')).length;
        socket.write('-LOADING Redis is loading the dataset in memory\r\n'.repeat(commands));
      });
    });
    await new Promise<void>((resolve) => loading.listen(0, '127.0.0.1', resolve));
    const { port } = loading.address() as { port: number };
    const waiting = openAt(`redis://127.0.0.1:${port}`);
    const told = await failure(readOne(waiting));
    expect([told.code, told.detail]).toEqual(['ST120', expect.stringContaining('loading')]);
    await waiting.close();
    await new Promise((resolve) => loading.close(resolve));
  });

  it('tells keys that hold something else', async () => {
    const [name = ''] = (await server.command('KEYS', '*')) as string[];
    await server.command('DEL', name);
    await server.command('LPUSH', name, 'else');
    const told = await failure(store.write(table, [{ key: key('a'), record: record(6n) }]));
    expect([told.code, told.detail]).toEqual(['ST124', expect.stringContaining('WRONGTYPE')]);
  });

  it('says what it is, and what about it loses records', async () => {
    expect(await store.check()).toEqual({
      detail: expect.stringMatching(`^Redis [67]\\..* at 127.0.0.1:${server.port}$`),
      warnings: [],
    });
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    expect((await store.check()).warnings).toEqual([expect.stringContaining('allkeys-lru')]);
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  });

  it('drops a table of a hundred thousand records in steps, while others are answered', async () => {
    const big = { set: 'big', version: 1 };
    const records = Array.from({ length: 100_000 }, (_, index) => ({ key: key(`k${index}`), record: record(1n) }));
    await store.write(big, records);
    let longest = 0;
    let isDropped = false;
    const dropping = store.drop(big).then(() => {
      isDropped = true;
    });
    while (!isDropped) {
      const start = performance.now();
      expect((await readOne(store))?.eventTime).toBe(5n);
      longest = Math.max(longest, performance.now() - start);
    }
    await dropping;
    expect(longest).toBeLessThan(TIMEOUT_MS);
    expect(await server.command('DBSIZE')).toBe(1);
  });
});
