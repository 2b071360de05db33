/**
 * A process of its own that writes records of one key into an online store, in an order of its own: started by tests.
 * argv: LMDB's directory or the URL of a Redis, seed, number of writes, number of keys. Prints "done".
 */
import { openOnlineAt } from './open-online.ts';

const [where = '', seed = '0', writes = '0', keys = '1'] = process.argv.slice(2);
const online = openOnlineAt(where);
const table = { set: 'shared', version: 1 };
let state = Number(seed);
const next = (below: number): number => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state % below;
};
for (let write = 0; write < Number(writes); write += 10) {
  const records = Array.from({ length: 10 }, () => {
    const eventTime = BigInt(next(100_000));
    const key = new Uint8Array([next(Number(keys))]);
    return {
      key,
      record: { eventTime, createdTime: null, sequence: 1, values: { time: Number(eventTime), writer: Number(seed) } },
    };
  });
  await online.write(table, records);
  process.stdout.write(`${records.map(({ key, record }) => `${key[0]}:${record.eventTime}`).join(' ')}\n`);
}
await online.close();
process.stdout.write('done\n');
