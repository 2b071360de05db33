// Rows a second into each online store, beside a bare loop that writes the same records under the same keys and compares nothing: LMDB's
// own `put` in transactions of as many, `SET` in pipelines of as many. Both end when all of it is answered, LMDB's on disk.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { open } from 'lmdb';
import { Packr } from 'msgpackr';
import { root } from '../support/measure.mjs';

const FEATURES = 10;
/** As many as materialization hands over at once. */
const BATCH = 4_096;

export async function writeRates(rows, redisUrl) {
  const table = { set: 'wide', version: 1 };
  const packr = new Packr({ useRecords: false });
  function* batches() {
    for (let from = 0; from < rows; from += BATCH) {
      yield Array.from({ length: Math.min(BATCH, rows - from) }, (_, at) => {
        const key = Buffer.alloc(9);
        key.writeBigInt64BE(BigInt(from + at), 1);
        const values = {};
        for (let feature = 0; feature < FEATURES; feature += 1)
          values[`feature_${feature}`] = (from + at) / (feature + 7);
        return { key, record: { eventTime: 1_767_225_600_000_000n, createdTime: null, sequence: 7, values } };
      });
    }
  }
  const bytesOf = ({ record }) => packr.pack([record.eventTime, record.createdTime, record.sequence, record.values]);
  const rate = async (write) => {
    const begun = performance.now();
    for (const batch of batches()) await write(batch);
    return rows / ((performance.now() - begun) / 1000);
  };
  const through = async (store) => {
    const measured = await rate((batch) => store.write(table, batch));
    await store.close();
    return measured;
  };
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-write-'));
  try {
    const { createLmdbOnline } = await import(join(root, 'dist/stores/lmdb/lmdb-online.js'));
    const ours = await through(createLmdbOnline({ directory: join(folder, 'ours') }));
    const db = open({ path: join(folder, 'bare'), keyEncoding: 'binary', encoding: 'binary' });
    const bare = await rate(async (batch) => {
      const ready = batch.map((one) => [one.key, bytesOf(one)]);
      await db.transaction(() => {
        for (const [key, bytes] of ready) db.put(key, bytes);
      });
      await db.flushed;
    });
    await db.close();
    const found = [{ name: 'LMDB', ours, bare }];
    if (redisUrl !== undefined) {
      const { createRedisOnline } = await import(join(root, 'dist/stores/redis/redis-online.js'));
      const settings = { server: { kind: 'single', url: redisUrl }, keyPrefix: 'ours:', timeoutMs: 10_000 };
      const redisOurs = await through(createRedisOnline(settings, { project: 'bench', environment: 'write' }));
      const client = new Redis(redisUrl);
      const redisBare = await rate(async (batch) => {
        const pipeline = client.pipeline();
        for (const one of batch)
          pipeline.set(`bare:bench:write:wide:1:r:${one.key.toString('base64url')}`, bytesOf(one));
        await pipeline.exec();
      });
      client.disconnect();
      found.push({ name: 'Redis', ours: redisOurs, bare: redisBare });
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
