// A bare loop in a process of its own: `node bare.mjs lmdb|redis FILE TARGET` reads the rows of a Parquet file and writes each as a record of the
// store's own form, as many at once as a materialization does. Prints what it took as JSON.
import { DuckDBInstance } from '@duckdb/node-api';
import { Redis } from 'ioredis';
import { open } from 'lmdb';
import { Packr } from 'msgpackr';

const [store, file, target] = process.argv.slice(2);
const BATCH = 4_096;
const packr = new Packr({ useRecords: false });

function writer() {
  if (store === 'redis') {
    const client = new Redis(target);
    return {
      write: async (batch) => {
        const pipeline = client.pipeline();
        for (const [key, bytes] of batch) pipeline.set(`bare:bench:wide:1:r:${key.toString('base64url')}`, bytes);
        await pipeline.exec();
      },
      close: async () => client.disconnect(),
    };
  }
  const db = open({ path: target, keyEncoding: 'binary', encoding: 'binary' });
  return {
    write: async (batch) => {
      await db.transaction(() => {
        for (const [key, bytes] of batch) db.put(key, bytes);
      });
      await db.flushed;
    },
    close: () => db.close(),
  };
}

const { write, close } = writer();
const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GiB' });
const connection = await instance.connect();
const began = performance.now();
const stream = await connection.stream(
  `select id, epoch_us("at") as event_time, * exclude (id, "at") from read_parquet('${file.replaceAll("'", "''")}')`,
);
const names = stream.columnNames().slice(2);
let batch = [];
for await (const chunk of stream) {
  for (const row of chunk.getRows()) {
    const key = Buffer.alloc(9);
    key.writeBigInt64BE(row[0], 1);
    const values = Object.fromEntries(names.map((name, at) => [name, row[at + 2]]));
    batch.push([key, packr.pack([row[1], null, 1, values])]);
    if (batch.length === BATCH) {
      await write(batch);
      batch = [];
    }
  }
}
if (batch.length > 0) await write(batch);
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.resourceUsage
  ? { user: process.resourceUsage().userCPUTime, system: process.resourceUsage().systemCPUTime }
  : {};
await close();
connection.closeSync();
instance.closeSync();
console.log(JSON.stringify({ seconds, cpu: (user + system) / 1e6 }));
