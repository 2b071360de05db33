/** One online store under several processes, one of them killed. */
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startScript } from '../support/jiti-process.ts';
import { openOnlineAt } from '../support/open-online.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const KEYS = 5;
const stores = [
  {
    name: 'LMDB',
    start: async () => {
      const directory = await temporaryDirectory();
      return { where: directory.path, stop: directory.remove };
    },
  },
  {
    name: 'Redis',
    start: async () => {
      const server = await startRedis();
      return { where: server.url, stop: server.stop };
    },
  },
].filter(({ name }) => name === 'LMDB' || withRedis);
let store: { readonly where: string; stop(): Promise<void> };
afterEach(() => store.stop());

it.each(stores)(
  '$name holds the newest record of each key that any of the processes was told is written',
  async ({ start }) => {
    store = await start();
    const writers = [1, 2, 3].map((seed) =>
      startScript('online-writer.ts', [store.where, String(seed), '3000', String(KEYS)]),
    );
    const victim = startScript('online-writer.ts', [store.where, '4', '1000000', String(KEYS)]);
    const reader = openOnlineAt(store.where);
    const keys = Array.from({ length: KEYS }, (_, index) => new Uint8Array([index]));
    const read = async () => (await reader.read([{ table: { set: 'shared', version: 1 }, keys }]))[0] ?? [];
    // Read from a fourth process meanwhile: a key's time never goes back.
    let before = await read();
    await eventually(async () => {
      const now = await read();
      for (const [index, record] of now.entries())
        expect(record?.eventTime ?? -1n).toBeGreaterThanOrEqual(before[index]?.eventTime ?? -1n);
      before = now;
      expect(now.every((record) => record !== undefined && record.values['writer'] !== undefined)).toBe(true);
    }, 30_000);
    victim.child.kill('SIGKILL');
    const ends = await Promise.all([...writers, victim].map((writer) => writer.ended));
    expect(ends.map(({ code, signal, stderr }) => signal ?? (code === 0 ? 0 : stderr))).toEqual([0, 0, 0, 'SIGKILL']);

    const newest = new Map<number, number>();
    for (const line of ends.flatMap(({ stdout }) => stdout.split('\n').slice(0, -1))) {
      for (const [key, time] of [...line.matchAll(/(\d+):(\d+)/g)].map(
        (match) => [Number(match[1]), Number(match[2])] as const,
      ))
        newest.set(key, Math.max(newest.get(key) ?? -1, time));
    }
    const found = await read();
    await reader.close();
    for (const [index, record] of found.entries()) {
      // The killed process may have written a batch that it did not live to report.
      expect(Number(record?.eventTime)).toBeGreaterThanOrEqual(newest.get(index) as number);
      expect(record?.values['time']).toBe(Number(record?.eventTime));
      if (record?.values['writer'] !== 4) expect(Number(record?.eventTime)).toBe(newest.get(index));
    }
  },
);
