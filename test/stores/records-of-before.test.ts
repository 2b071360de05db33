/** Records that were written before records had columns, in LMDB and in Redis: they are read, and newer ones take their place. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { open } from 'lmdb';
import { Packr } from 'msgpackr';
import { expect, it } from 'vitest';
import { createLmdbOnline } from '../../src/stores/lmdb/lmdb-online.ts';
import type { OnlineStore } from '../../src/stores/online.ts';
import { createRedisOnline } from '../../src/stores/redis/redis-online.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const packr = new Packr({ useRecords: false, moreTypes: true });
const table = { set: 'labs', version: 3 };
const values = { age: 7, name: 'ä', big: 2n ** 60n, none: null, embedding: Float32Array.of(1, 2) };
const before = { eventTime: 1_767_225_600_000_000n, createdTime: 5n, sequence: 2, values };

async function readsAndReplaces(store: OnlineStore): Promise<void> {
  const read = async () => {
    const [[found] = []] = await store.read([{ table, keys: [Buffer.from('k')] }]);
    return found && { ...found, values: found.values };
  };
  const write = (sequence: number) =>
    store.write(table, [{ key: Buffer.from('k'), record: { ...before, sequence, values: { age: 8 } } }]);
  expect(await read()).toMatchObject(before);
  expect(await write(1)).toBe(0);
  expect(await read()).toMatchObject(before);
  expect(await write(2)).toBe(1);
  expect(await read()).toMatchObject({ ...before, values: { age: 8 } });
}

it('in LMDB', async () => {
  const temporary = await temporaryDirectory();
  const directory = join(temporary.path, 'online');
  const db = open<Buffer, Buffer>({ path: directory, keyEncoding: 'binary', encoding: 'binary', noSubdir: false });
  await db.put(
    Buffer.from('labs\0\0\0\0\x03rk', 'latin1'),
    packr.pack([before.eventTime, before.createdTime, before.sequence, before.values]),
  );
  await db.close();
  const store = createLmdbOnline({ directory });
  await readsAndReplaces(store);
  await store.close();
  await temporary.remove();
});

it.runIf(withRedis)('in Redis', async () => {
  const server = await startRedis();
  const client = new Redis(server.url);
  const order = `${'00'.repeat(8)}0180000000000000058000000000000002`;
  const bytes = Buffer.concat([Buffer.from(order, 'hex'), packr.pack(before.values)]);
  bytes.writeBigUInt64BE(before.eventTime + 2n ** 63n);
  await client.set(`mlops:p:e:labs:3:r:${Buffer.from('k').toString('base64url')}`, bytes);
  const settings = { server: { kind: 'single', url: server.url }, keyPrefix: 'mlops:', timeoutMs: 5_000 } as const;
  const store = createRedisOnline(settings, { project: 'p', environment: 'e' });
  await readsAndReplaces(store);
  await store.close();
  client.disconnect();
  await server.stop();
});
