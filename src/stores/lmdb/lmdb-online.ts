/**
 * The online store in LMDB: one environment below one folder, memory-mapped, for any number of processes on this machine.
 * A write compares and stores inside one write transaction, which LMDB gives to one process at a time.
 *
 *     set name, 0x00, version (4 bytes, big end first), 'r', entity key   → 0x01 and the record's bytes (record-bytes.ts)
 *     set name, 0x00, version, 'p'                                        → MessagePack [sequence, visibleAt]
 *
 * Records that were written before are MessagePack [eventTime, createdTime, sequence, values], which begins with 0x94.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import type { Packr } from 'msgpackr';
import { MlopsError } from '../../lib/error.ts';
import {
  type OnlineProgress,
  type OnlineStore,
  type OnlineTable,
  type RecordOrder,
  replaces,
  type StoredRecord,
} from '../online.ts';
import { type RecordCodec, readOrder, recordCodec } from '../record-bytes.ts';
import { problemOfFile } from './check-file.ts';
import { keyOf, PROGRESS, RECORD } from './keys.ts';

export interface LmdbOnlineOptions {
  /** Absolute path, e.g. `<root>/.mlops/online/dev`. Made when first opened. */
  readonly directory: string;
}

/** Before a record's bytes. */
const FORMAT = 1;
const DROP_BATCH = 10_000;
const SCAN_BATCH = 1_000;
const DATA_FILE = 'data.mdb';

interface Opened {
  readonly db: RootDatabase<Buffer, Buffer>;
  readonly packr: Packr;
  readonly codec: RecordCodec;
}

export function createLmdbOnline({ directory }: LmdbOnlineOptions): OnlineStore {
  let opening: Promise<Opened> | undefined;
  let opened: Opened | undefined;

  async function open(): Promise<Opened> {
    await mkdir(directory, { recursive: true });
    return load({ readOnly: false });
  }

  async function load({ readOnly }: { readonly readOnly: boolean }): Promise<Opened> {
    const problem = await problemOfFile(join(directory, DATA_FILE));
    if (problem !== undefined) throw new Error(problem);
    const [lmdb, { Packr }] = await Promise.all([import('lmdb'), import('msgpackr')]);
    const db = lmdb.open<Buffer, Buffer>({
      path: directory,
      keyEncoding: 'binary',
      encoding: 'binary',
      noSubdir: false,
      readOnly,
    });
    // An embedding is kept as the bytes of its numbers, and is read as a copy of its own.
    const packr = new Packr({ useRecords: false, moreTypes: true });
    return { db, packr, codec: recordCodec(packr) };
  }

  function doesNotOpen(cause: unknown): MlopsError {
    return new MlopsError('ST104', {
      detail: `The online store in ${directory} does not open: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }

  function store(): Promise<Opened> {
    opening ??= open().then(
      (done) => {
        opened = done;
        return done;
      },
      (cause: unknown) => {
        opening = undefined;
        throw doesNotOpen(cause);
      },
    );
    return opening;
  }

  /** Only read: of a store that is not there nothing is made. */
  async function look<T>(read: (opened: Opened) => T): Promise<T | undefined> {
    // One environment is opened once in a process.
    if (opening !== undefined) return read(await opening);
    if ((await stat(join(directory, DATA_FILE)).catch(() => undefined)) === undefined) return undefined;
    try {
      const opened = await load({ readOnly: true });
      try {
        return read(opened);
      } finally {
        await opened.db.close();
      }
    } catch (cause) {
      throw doesNotOpen(cause);
    }
  }

  return {
    write: async (table, records) => {
      const opened = await store();
      const { db, codec } = opened;
      // In the order of their keys: neighbours share pages, and a transaction copies a page once.
      const packed = records
        .map(({ key, record }) => {
          const value = codec.encode(record, 1);
          value[0] = FORMAT;
          return { key: keyOf(table, RECORD, key), record, value };
        })
        .sort((a, b) => Buffer.compare(a.key, b.key));
      const written = await db.transaction(() => putNewest(opened, packed));
      await db.flushed;
      return written;
    },
    read: async (requests) => recordsOf(await store(), requests),
    readNow: (requests) => (opened === undefined ? undefined : recordsOf(opened, requests)),
    progress: async (table) => progressOf(await store(), table),
    setProgress: async (table, progress: OnlineProgress) => {
      const { db, packr } = await store();
      await db.put(keyOf(table, PROGRESS), packr.pack([progress.sequence, progress.visibleAt]));
      await db.flushed;
    },
    inspect: (tables) =>
      look((opened) =>
        tables.map((table) => {
          const empty = isEmptyRange(opened.db, keyOf(table, RECORD), keyOf(table, RECORD + 1));
          return { progress: progressOf(opened, table), empty };
        }),
      ),
    scan: async function* (table) {
      const opened = await store();
      const { db } = opened;
      const prefix = keyOf(table, RECORD).length;
      let start = keyOf(table, RECORD);
      for (;;) {
        // Copied: between two batches the database may move.
        const found = [...db.getRange({ start, end: keyOf(table, RECORD + 1), limit: SCAN_BATCH })].map(
          ({ key, value }) => ({ at: Buffer.from(key), record: recordOf(opened, value) }),
        );
        const last = found.at(-1);
        if (last === undefined) return;
        yield found.map(({ at, record }) => ({ key: at.subarray(prefix), record }));
        start = Buffer.concat([last.at, Buffer.of(0)]);
      }
    },
    drop: async (table) => {
      const { db } = await store();
      // The progress goes first: what a crash leaves is filled again, not taken for complete.
      await db.remove(keyOf(table, PROGRESS));
      for (;;) {
        const removed = await db.transaction(() => {
          const range = { start: keyOf(table, RECORD), end: keyOf(table, RECORD + 1), limit: DROP_BATCH };
          const keys = [...db.getKeys(range)].map((key) => Buffer.from(key));
          for (const key of keys) db.remove(key);
          return keys.length;
        });
        if (removed < DROP_BATCH) break;
      }
      await db.flushed;
    },
    check: async () => {
      await store();
      return { detail: `LMDB in ${directory}`, warnings: [] };
    },
    close: async () => {
      const closed = await opening?.catch(() => undefined);
      opening = undefined;
      opened = undefined;
      await closed?.db.close();
    },
  };
}

interface Packed {
  readonly key: Buffer;
  readonly record: RecordOrder;
  readonly value: Buffer;
}

/** Inside a write transaction; `packed` is in the order of its keys. Returns how many it wrote. */
function putNewest(opened: Opened, packed: readonly Packed[]): number {
  const { db } = opened;
  const [first, last] = [packed[0], packed.at(-1)];
  if (first === undefined || last === undefined) return 0;
  // Where none of them is there, as in a table's first fill, they are not looked for one by one.
  const areNew = isEmptyRange(db, first.key, last.key);
  let written = 0;
  for (const [at, { key, record, value }] of packed.entries()) {
    const isThere = !areNew || packed[at - 1]?.key.equals(key) === true;
    const current = isThere ? db.getBinaryFast(key) : undefined;
    if (current !== undefined && !replaces(record, orderOf(opened, current))) continue;
    db.put(key, value);
    written += 1;
  }
  return written;
}

/** Whether no key lies between these, both included. */
function isEmptyRange(db: RootDatabase<Buffer, Buffer>, start: Buffer, end: Buffer): boolean {
  return [...db.getKeys({ start, end, inclusiveEnd: true, limit: 1 })].length === 0;
}

function recordsOf(opened: Opened, requests: Parameters<OnlineStore['read']>[0]) {
  const { db } = opened;
  return requests.map(({ table, keys }) =>
    keys.map((key) => {
      // Not copied: it is decoded before anything else uses the buffer.
      const value = db.getBinaryFast(keyOf(table, RECORD, key));
      return value === undefined ? undefined : recordOf(opened, value);
    }),
  );
}

const recordOf = (opened: Opened, value: Buffer): StoredRecord =>
  value[0] === FORMAT ? opened.codec.decode(value, 1, value.length) : unpackBefore(opened, value);

function progressOf({ db, packr }: Opened, table: OnlineTable): OnlineProgress | undefined {
  const value = db.get(keyOf(table, PROGRESS));
  if (value === undefined) return undefined;
  const [sequence, visibleAt] = packr.unpack(value) as [number, number | bigint];
  return { sequence: Number(sequence), visibleAt: BigInt(visibleAt) };
}

const orderOf = (opened: Opened, value: Buffer): RecordOrder =>
  value[0] === FORMAT ? readOrder(value, 1) : unpackBefore(opened, value);

/** A record as it was written before. */
function unpackBefore({ packr, codec }: Opened, bytes: Buffer): StoredRecord {
  const [eventTime, createdTime, sequence, values] = packr.unpack(bytes) as [
    number | bigint,
    number | bigint | null,
    number | bigint,
    Record<string, unknown>,
  ];
  const order = {
    eventTime: BigInt(eventTime),
    createdTime: createdTime === null ? null : BigInt(createdTime),
    sequence: Number(sequence),
  };
  return codec.fromValues(order, values);
}
