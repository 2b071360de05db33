/**
 * The online store in Redis 7 (6 will do): one key a record, so that a cluster spreads them; see keys.ts and ../record-bytes.ts.
 *
 * Written is what Redis has answered to: as durable as the server is set up to be (`appendonly yes`; with `appendfsync
 * everysec` a crash loses the last second; a failover loses what its replica had not got yet). What is lost is the end of
 * what was written, and the progress, which is written last, with it: the next materialization fills it again.
 *
 * Records have no expiry: one beyond its ttl is answered as `expired`, not as `not_found`. They go when their table is dropped.
 */
import type { Redis } from 'ioredis';
import { MlopsError } from '../../lib/error.ts';
import type { OnlineProgress, OnlineStore, OnlineTableState, StoredRecord } from '../online.ts';
import { type RecordCodec, recordCodec } from '../record-bytes.ts';
import type { Client } from './client.ts';
import { connectRedis } from './connection.ts';
import { joinedReads, type ReadKeys } from './joined-reads.ts';
import { createKeys, type RedisScope } from './keys.ts';
import { all, readAll, writeFirst, writeNewest } from './record-commands.ts';
import type { RedisSettings } from './settings.ts';

/** Records of one script: Redis does nothing else for about a millisecond. */
const SCRIPT_RECORDS = 500;
/** Records that are under way at once: what one call of `timeoutMs` is about. */
const WAVE_RECORDS = 2_000;
const WAVE_BYTES = 4 * 2 ** 20;
/** Keys that one step of SCAN looks at. */
const SCAN_COUNT = 1_000;

/** ST123 where the settings cannot be used. Connects when it is first used; a call throws ST120 to ST124 in bounded time. */
export function createRedisOnline(settings: RedisSettings, scope: RedisScope): OnlineStore {
  const connection = connectRedis(settings);
  const { isCluster } = connection;
  const keysOf = createKeys(settings.keyPrefix, scope, isCluster);
  let loading: Promise<RecordCodec> | undefined;
  /** From when a table's progress was read until it is set: the connection's epoch then, and whether there was none. */
  const fillings = new WeakMap<object, { readonly epoch: number; readonly isFirst: boolean }>();

  const readKeys: ReadKeys = (keys) => connection.run((client) => readAll(client, keys));
  // In a cluster each key has a node of its own, which may be away without the others.
  const read = isCluster ? readKeys : joinedReads(readKeys);

  let loaded: RecordCodec | undefined;

  function loadCodec(): Promise<RecordCodec> {
    loading ??= import('msgpackr').then(({ Packr }) => {
      loaded = recordCodec(new Packr({ useRecords: false, moreTypes: true }));
      return loaded;
    });
    return loading;
  }

  function readRecords(
    codec: RecordCodec,
    requests: Parameters<OnlineStore['read']>[0],
  ): ReturnType<OnlineStore['read']> {
    const keys: string[] = [];
    for (const request of requests) {
      const names = keysOf(request.table);
      for (const key of request.keys) keys.push(names.record(key));
    }
    const decoded = (bytes: Buffer | null): StoredRecord | undefined =>
      bytes === null ? undefined : codec.decode(bytes, 0, bytes.length);
    if (keys.length === 0) return Promise.resolve(requests.map(() => []));
    return read(keys).then((found) => {
      const records = found.map(decoded);
      let to = 0;
      return requests.map((request) => {
        const from = to;
        to += request.keys.length;
        return requests.length === 1 ? records : records.slice(from, to);
      });
    });
  }

  async function writeWave(keys: readonly string[], values: readonly Buffer[], isFirst: boolean): Promise<number> {
    const size = isCluster ? 1 : SCRIPT_RECORDS;
    const write = isFirst && !isCluster ? writeFirst : writeNewest;
    const counts = await connection.run((client) =>
      all(
        Array.from({ length: Math.ceil(keys.length / size) }, (_, index) =>
          write(client, keys.slice(index * size, (index + 1) * size), values.slice(index * size, (index + 1) * size)),
        ),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Every key that matches, in steps of which each is one short command. What is there from start to end is shown at least
   * once, however keys move in between.
   */
  async function* scan(pattern: string): AsyncGenerator<readonly string[]> {
    for (const node of await connection.run(async (client) => mastersOf(client))) {
      let cursor = '0';
      do {
        const [next, keys] = await connection.run(() => node.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT));
        cursor = next;
        yield keys;
      } while (cursor !== '0');
    }
  }

  return {
    write: async (table, records) => {
      const codec = await loadCodec();
      const names = keysOf(table);
      const isFirst = fillings.get(names)?.isFirst === true;
      let written = 0;
      let keys: string[] = [];
      let values: Buffer[] = [];
      let bytes = 0;
      for (const { key, record } of records) {
        const value = codec.encode(record);
        keys.push(names.record(key));
        values.push(value);
        bytes += value.length;
        if (keys.length < WAVE_RECORDS && bytes < WAVE_BYTES) continue;
        written += await writeWave(keys, values, isFirst);
        [keys, values, bytes] = [[], [], 0];
      }
      return keys.length === 0 ? written : written + (await writeWave(keys, values, isFirst));
    },
    read: (requests) =>
      loaded === undefined ? loadCodec().then((codec) => readRecords(codec, requests)) : readRecords(loaded, requests),
    progress: async (table) => {
      const found = await connection.run((client) => all(keysOf(table).progress.map((key) => client.get(key))));
      const least = leastOf(found);
      fillings.set(keysOf(table), { epoch: connection.epoch(), isFirst: least === undefined });
      return least;
    },
    setProgress: async (table, { sequence, visibleAt }) => {
      const begun = fillings.get(keysOf(table));
      fillings.delete(keysOf(table));
      // A master that took its place may lack the end of what the one before has answered to.
      if (begun !== undefined && begun.epoch !== connection.epoch())
        throw new MlopsError('ST120', {
          detail: `The connection to Redis at ${connection.where} was lost while ${table.set}@${table.version} was filled: some of it may not be there.`,
          hint: 'materialize again: it goes on from what is certain',
          retryable: true,
        });
      const value = `${sequence} ${visibleAt}`;
      await connection.run((client) => all(keysOf(table).progress.map((key) => client.set(key, value))));
    },
    inspect: async (tables) => {
      const states: OnlineTableState[] = [];
      for (const table of tables) {
        const { progress, recordPattern } = keysOf(table);
        const found = await connection.run((client) => all(progress.map((key) => client.get(key))));
        let empty = true;
        for await (const keys of scan(recordPattern)) {
          empty = keys.length === 0;
          if (!empty) break;
        }
        states.push({ progress: leastOf(found), empty });
      }
      return states;
    },
    scan: async function* (table) {
      const codec = await loadCodec();
      const names = keysOf(table);
      for await (const keys of scan(names.recordPattern)) {
        if (keys.length === 0) continue;
        const found = await connection.run((client) => readAll(client, keys));
        yield keys.flatMap((key, index) => {
          const bytes = found[index];
          return bytes == null ? [] : [{ key: names.entity(key), record: codec.decode(bytes, 0, bytes.length) }];
        });
      }
    },
    drop: async (table) => {
      const names = keysOf(table);
      // The progress goes first: what a crash leaves is filled again, not taken for complete.
      await connection.run((client) => all(names.progress.map((key) => client.unlink(key))));
      for await (const keys of scan(names.recordPattern)) {
        if (keys.length > 0) await connection.run((client) => all(keys.map((key) => client.unlink(key))));
      }
    },
    check: () =>
      connection.run(async (client) => {
        const [first, ...rest] = mastersOf(client);
        if (first === undefined) throw new Error('no master is known');
        if (isCluster) await refuseBrokenCluster(first);
        const infos = await Promise.all([first, ...rest].map((node) => node.info()));
        const version = /^redis_version:(.*)$/m.exec(infos[0] ?? '')?.[1]?.trim() ?? 'of an unknown version';
        const policies = infos.map((info) => /^maxmemory_policy:(.*)$/m.exec(info)?.[1]?.trim() ?? '');
        const evicting = policies.find((policy) => policy.startsWith('allkeys-'));
        return {
          detail: `Redis ${version} at ${connection.where}`,
          warnings:
            evicting === undefined
              ? []
              : [
                  `maxmemory-policy is ${evicting}: when it is full Redis drops records, which are then not found; noeviction tells instead`,
                ],
        };
      }),
    close: () => connection.close(),
  };
}

const mastersOf = (client: Client): readonly Redis[] =>
  client.isCluster ? (client as Exclude<Client, Redis>).nodes('master') : [client as Redis];

async function refuseBrokenCluster(node: Redis): Promise<void> {
  const state = /^cluster_state:(\w+)/m.exec(String(await node.cluster('INFO')))?.[1];
  if (state !== 'ok')
    throw new MlopsError('ST120', {
      detail: `The Redis cluster says cluster_state:${state ?? 'nothing'}: not all of its slots are served.`,
      retryable: true,
    });
}

/** Undefined where one is missing: the node that should hold it has lost its data. */
function leastOf(found: readonly (string | null)[]): OnlineProgress | undefined {
  let least: OnlineProgress | undefined;
  for (const text of found) {
    const match = /^(-?\d+) (-?\d+)$/.exec(text ?? '');
    if (match === null) return undefined;
    const one = { sequence: Number(match[1]), visibleAt: BigInt(match[2] ?? 0) };
    if (
      least === undefined ||
      one.sequence < least.sequence ||
      (one.sequence === least.sequence && one.visibleAt < least.visibleAt)
    )
      least = one;
  }
  return least;
}
