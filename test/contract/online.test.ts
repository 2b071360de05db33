/** What every online store promises. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLmdbOnline } from '../../src/stores/lmdb/lmdb-online.ts';
import { type OnlineRecord, type OnlineStore, replaces, type StoredRecord } from '../../src/stores/online.ts';
import { createRedisOnline } from '../../src/stores/redis/redis-online.ts';
import { startCluster, startRedis, withRedis } from '../support/redis.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

interface Backend {
  readonly name: string;
  /** What there must be before stores open. */
  start(): Promise<{
    open(directory: string): OnlineStore;
    /** Made when it is first used, and opened once in a process: LMDB's own rule. Several processes: stores/online-processes.test.ts. */
    readonly isEmbedded?: boolean;
    stop(): Promise<void>;
  }>;
}

const scope = { project: 'contract', environment: 'test' };
const redis: Backend[] = [
  {
    name: 'redis',
    start: async () => {
      const server = await startRedis();
      return {
        open: () =>
          createRedisOnline({ server: { kind: 'single', url: server.url }, keyPrefix: 'm*:', timeoutMs: 5_000 }, scope),
        stop: server.stop,
      };
    },
  },
  {
    name: 'redis cluster',
    start: async () => {
      const { addresses, stop } = await startCluster();
      const server = { kind: 'cluster', nodes: addresses } as const;
      return { open: () => createRedisOnline({ server, keyPrefix: 'mlops:', timeoutMs: 5_000 }, scope), stop };
    },
  },
];
const backends: Backend[] = [
  {
    name: 'lmdb',
    start: async () => ({
      open: (directory) => createLmdbOnline({ directory: join(directory, 'with space', 'online') }),
      isEmbedded: true,
      stop: async () => {},
    }),
  },
  ...(withRedis ? redis : []),
];

const plain = (found: StoredRecord | undefined): OnlineRecord | undefined =>
  found && {
    eventTime: found.eventTime,
    createdTime: found.createdTime,
    sequence: found.sequence,
    values: found.values,
  };
const key = (text: string): Uint8Array => Buffer.from(text);
const record = (eventTime: bigint, rest: Partial<OnlineRecord> = {}): OnlineRecord => ({
  eventTime,
  createdTime: null,
  sequence: 1,
  values: { at: Number(eventTime) },
  ...rest,
});

describe.each(backends)('the online store: $name', ({ start }) => {
  let temporary: TemporaryDirectory;
  let backend: Awaited<ReturnType<Backend['start']>>;
  let store: OnlineStore;
  /** Others on the same data. */
  let more: readonly OnlineStore[] = [];
  let tables = 0;
  beforeAll(async () => {
    temporary = await temporaryDirectory();
    backend = await start();
    store = backend.open(temporary.path);
    more = backend.isEmbedded ? [] : [backend.open(temporary.path), backend.open(temporary.path)];
  });
  afterAll(async () => {
    await Promise.all([store, ...more].map((one) => one.close()));
    await backend.stop();
    await temporary.remove();
  });
  const freshTable = () => ({ set: `set_${tables++}`, version: 1 });
  const readOne = async (table: { set: string; version: number }, text: string) =>
    (await store.read([{ table, keys: [key(text)] }]))[0]?.[0];

  it('gives back each kind of value as it was', async () => {
    const table = freshTable();
    const values = {
      flag: true,
      off: false,
      whole: 7,
      big: 9_007_199_254_740_993n,
      negative: -5,
      real: 0.1,
      text: 'Ünïcødé',
      empty: '',
      none: null,
      list: [1, null, 0.5, 9_007_199_254_740_993n],
      texts: ['a', null, ''],
      embedding: Float32Array.of(0.1, -2, 3e38),
      nothing: [],
    };
    const written = { eventTime: 1_700_000_000_123_456n, createdTime: -62_135_596_800_000_000n, sequence: 42, values };
    expect(await store.write(table, [{ key: key('a'), record: written }])).toBe(1);
    expect(plain(await readOne(table, 'a'))).toEqual(written);
  });

  it('shows every record of a table and none of another, under keys that write it elsewhere', async () => {
    const [table, beside] = [freshTable(), freshTable()];
    const names = Array.from({ length: 2_500 }, (_, at) => (at === 7 ? 'long '.repeat(500) : `key ${at}`));
    const records = names.map((name, at) => ({ key: key(name), record: record(BigInt(at), { sequence: at }) }));
    await store.write(table, records);
    await store.write(beside, [{ key: key('other'), record: record(1n) }]);
    const copied = { ...freshTable(), version: 2 };
    const sequences = new Set<number>();
    for await (const batch of store.scan(table)) {
      for (const { record: found } of batch) sequences.add(found.sequence);
      await store.write(copied, batch);
    }
    expect(sequences.size).toBe(2_500);
    const [rows = []] = await store.read([{ table: copied, keys: records.map((one) => one.key) }]);
    expect(rows.map((row) => row?.sequence)).toEqual(names.map((_, at) => at));
    for await (const batch of store.scan({ set: 'nothing', version: 1 })) expect(batch).toEqual([]);
  });

  it('keeps an embedding in four bytes a number, each read with numbers of its own', async () => {
    const table = freshTable();
    const of = (value: number): Float32Array => new Float32Array(384).fill(value);
    const records = [1, 2, 3].map((value) => ({
      key: key(String(value)),
      record: record(BigInt(value), { values: { embedding: of(value) } }),
    }));
    await store.write(table, records);
    const [rows = []] = await store.read([{ table, keys: records.map((one) => one.key) }]);
    // What is read does not change when more is read or written.
    await store.write(table, [{ key: key('1'), record: record(9n, { values: { embedding: of(9) } }) }]);
    await store.read([{ table, keys: [key('1')] }]);
    expect(rows.map((row) => row?.values['embedding'])).toEqual([of(1), of(2), of(3)]);
    expect(new Packr({ useRecords: false, moreTypes: true }).pack(of(1)).length).toBeLessThan(384 * 4 + 10);
  });

  it('answers many tables and keys in one call, in order, with nothing for what is not there', async () => {
    const [one, two] = [freshTable(), freshTable()];
    await store.write(one, [
      { key: key('a'), record: record(1n) },
      { key: key('b'), record: record(2n) },
    ]);
    await store.write(two, [{ key: key('a'), record: record(3n) }]);
    const found = await store.read([
      { table: two, keys: [key('a'), key('b')] },
      { table: one, keys: [key('b'), key('missing'), key('a'), key('b')] },
      { table: freshTable(), keys: [key('a')] },
    ]);
    expect(found.map((rows) => rows.map((row) => row?.values['at']))).toEqual([
      [3, undefined],
      [2, undefined, 1, 2],
      [undefined],
    ]);
  });

  it('answers at once, where it can, what it answers to whoever waits', async () => {
    const table = freshTable();
    await store.write(table, [{ key: key('a'), record: record(5n) }]);
    const requests = [{ table, keys: [key('a'), key('nobody')] }];
    const [atOnce, waited] = [store.readNow?.(requests), await store.read(requests)];
    expect(atOnce === undefined ? waited : atOnce).toEqual(waited);
    expect(atOnce !== undefined).toBe(backend.isEmbedded === true);
  });

  it('tells tables, versions and keys apart that look alike', async () => {
    const names = ['t', 'ta', 'tab'];
    for (const set of names) {
      for (const version of [1, 2, 256])
        await store.write({ set, version }, [
          { key: key(`a${set}${version}`), record: record(1n, { values: { set, version } }) },
        ]);
    }
    for (const set of names) {
      for (const version of [1, 2, 256]) {
        expect((await readOne({ set, version }, `a${set}${version}`))?.values).toEqual({ set, version });
        expect(await readOne({ set, version }, `a${set}${version === 1 ? 2 : 1}`)).toBeUndefined();
      }
    }
  });

  it('never replaces a newer record: event time, then created time, then sequence', async () => {
    const orders: OnlineRecord[] = [];
    for (const eventTime of [1n, 2n]) {
      for (const createdTime of [null, 5n, 9n])
        for (const sequence of [1, 2]) orders.push(record(eventTime, { createdTime, sequence }));
    }
    for (const [i, first] of orders.entries()) {
      for (const [j, second] of orders.entries()) {
        const table = freshTable();
        await store.write(table, [{ key: key('k'), record: { ...first, values: { which: 'first' } } }]);
        const written = await store.write(table, [
          { key: key('k'), record: { ...second, values: { which: 'second' } } },
        ]);
        expect([written, (await readOne(table, 'k'))?.values['which']], `${i} then ${j}`).toEqual(
          j >= i ? [1, 'second'] : [0, 'first'],
        );
      }
    }
  });

  it('orders at the edges of 64 bits and of 2^53, before and after 1970', async () => {
    const edges = [
      -(2n ** 63n),
      -(2n ** 53n) - 1n,
      -(2n ** 53n),
      -1n,
      0n,
      1n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 53n,
      2n ** 53n + 1n,
    ];
    const times = [...edges, 2n ** 63n - 1n];
    const table = freshTable();
    const orders: OnlineRecord[] = [
      ...times.map((eventTime) => record(eventTime)),
      ...[null, ...times].map((createdTime) => record(2n ** 63n - 1n, { createdTime, sequence: 0 })),
      record(2n ** 63n - 1n, { createdTime: 2n ** 63n - 1n, sequence: 2 ** 53 - 1 }),
    ].sort((a, b) => (replaces(a, b) ? 1 : -1));
    for (const [i, first] of orders.entries()) {
      for (const second of orders.slice(i)) {
        const name = key(`${tables++}`);
        expect(await store.write(table, [{ key: name, record: first }])).toBe(1);
        expect(await store.write(table, [{ key: name, record: second }])).toBe(1);
        expect(await store.write(table, [{ key: name, record: first }])).toBe(first === second ? 1 : 0);
        expect(plain((await store.read([{ table, keys: [name] }]))[0]?.[0])).toEqual(second);
      }
    }
  });

  it('ends with the greatest of what many writers wrote at once, whatever they wrote when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            key: fc.integer({ min: 0, max: 3 }),
            eventTime: fc.bigInt({ min: -2n, max: 2n }),
            createdTime: fc.option(fc.bigInt({ min: -1n, max: 1n }), { nil: null }),
            sequence: fc.integer({ min: 0, max: 3 }),
          }),
          { minLength: 1, maxLength: 60 },
        ),
        async (writes) => {
          const table = freshTable();
          const records = writes.map(({ key: name, ...rest }, index) => ({
            key: key(`k${name}`),
            record: { ...rest, values: { index } },
          }));
          const writers = more.length > 0 ? [store, ...more] : [store, store, store];
          const batches = writers.map((_, writer) => records.filter((_, index) => index % writers.length === writer));
          await Promise.all(
            writers.map(async (writer, index) => {
              for (const one of batches[index] ?? []) await writer.write(table, [one]);
            }),
          );
          for (const name of new Set(writes.map((write) => write.key))) {
            const [greatest] = records
              .filter((one) => one.key.toString() === `k${name}`)
              .map((one) => one.record)
              .sort((a, b) => (replaces(a, b) ? -1 : 1));
            const found = await readOne(table, `k${name}`);
            const { values: _, ...order } = plain(found) as OnlineRecord;
            const { values: __, ...expected } = greatest as OnlineRecord;
            expect(order).toEqual(expected);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps the newest within one batch, whatever its order', async () => {
    const table = freshTable();
    await store.write(
      table,
      [3n, 9n, 1n, 7n].map((time) => ({ key: key('k'), record: record(time) })),
    );
    expect((await readOne(table, 'k'))?.eventTime).toBe(9n);
  });

  it('keeps the newest when a table is filled for the first time, beside what came before and what comes twice', async () => {
    for (const { before, twice } of [
      { before: [], twice: false },
      { before: [], twice: true },
      { before: [3, 1_999], twice: false },
      { before: [0, 700, 701], twice: true },
    ]) {
      const table = freshTable();
      for (const index of before)
        await store.write(table, [{ key: key(`k${index}`), record: record(index % 2 === 0 ? 9n : 1n) }]);
      expect(await store.progress(table)).toBeUndefined();
      const batch = Array.from({ length: 2_000 }, (_, index) => ({ key: key(`k${index}`), record: record(5n) }));
      const again = [6n, 4n].map((time, index) => ({ key: key(`k${index + 1}`), record: record(time) }));
      const newer = before.filter((index) => index % 2 === 0).length;
      expect(await store.write(table, twice ? [...batch, ...again] : batch)).toBe(2_000 - newer + (twice ? 1 : 0));
      const [found = []] = await store.read([{ table, keys: batch.map((one) => one.key) }]);
      const expected = batch.map((_, index): bigint => (before.includes(index) && index % 2 === 0 ? 9n : 5n));
      if (twice) expected[1] = 6n;
      expect(found.map((one) => one?.eventTime)).toEqual(expected);
    }
  });

  it('holds keys longer than a page', async () => {
    const table = freshTable();
    const long = 'x'.repeat(20_000);
    await store.write(table, [
      { key: key(`${long}a`), record: record(1n) },
      { key: key(`${long}b`), record: record(2n) },
    ]);
    expect((await readOne(table, `${long}a`))?.eventTime).toBe(1n);
    expect((await readOne(table, `${long}b`))?.eventTime).toBe(2n);
  });

  it('remembers progress until the table is dropped, and drops nothing else', async () => {
    const [table, other] = [
      { set: 'dropped', version: 1 },
      { set: 'dropped', version: 2 },
    ];
    expect(await store.progress(table)).toBeUndefined();
    const records = Array.from({ length: 25_000 }, (_, index) => ({
      key: key(`k${index}`),
      record: record(BigInt(index)),
    }));
    expect(await store.write(table, records)).toBe(25_000);
    await store.write(other, records.slice(0, 1));
    await store.setProgress(table, { sequence: 12, visibleAt: 1_700_000_000_000_001n });
    await store.setProgress(other, { sequence: 1, visibleAt: 1n });
    expect(await store.progress(table)).toEqual({ sequence: 12, visibleAt: 1_700_000_000_000_001n });
    await store.drop(table);
    await store.drop(table);
    expect(await store.progress(table)).toBeUndefined();
    expect(
      (await store.read([{ table, keys: records.map((one) => one.key) }]))[0]?.filter((found) => found !== undefined),
    ).toEqual([]);
    expect(await store.progress(other)).toEqual({ sequence: 1, visibleAt: 1n });
    expect((await readOne(other, 'k0'))?.eventTime).toBe(0n);
  });

  it('is looked at without being made, and without being opened for writing', async () => {
    const table = freshTable();
    if (backend.isEmbedded) {
      const never = backend.open(join(temporary.path, 'never'));
      expect(await never.inspect([table])).toBeUndefined();
      expect(existsSync(join(temporary.path, 'never'))).toBe(false);
    }
    await store.write(table, [{ key: key('a'), record: record(5n) }]);
    const unfilled = freshTable();
    const emptied = freshTable();
    await store.setProgress(emptied, { sequence: 3, visibleAt: 9n });
    const states = [
      { progress: undefined, empty: false },
      { progress: undefined, empty: true },
      { progress: { sequence: 3, visibleAt: 9n }, empty: true },
    ];
    expect(await store.inspect([table, unfilled, emptied])).toEqual(states);
    // As another process finds it, which has not opened it.
    await store.close();
    const other = backend.open(temporary.path);
    expect(await other.inspect([table, unfilled, emptied])).toEqual(states);
    expect(await other.inspect([])).toEqual([]);
    await other.close();
    store = backend.open(temporary.path);
    expect((await readOne(table, 'a'))?.eventTime).toBe(5n);
  });

  it('is there again after it was closed', async () => {
    const table = freshTable();
    await store.write(table, [{ key: key('a'), record: record(5n) }]);
    await store.close();
    store = backend.open(temporary.path);
    expect((await readOne(table, 'a'))?.eventTime).toBe(5n);
  });
});
