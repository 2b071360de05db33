/**
 * An online record as bytes, the same in every store that keeps bytes. Made to be read a thousand times as often as written:
 * the columns stand together and are told by their bytes, so that records of one kind share one list of names; the values follow,
 * each in a place of its own, so that no object is built.
 *
 *     0    event time     8 bytes   two's complement with the sign bit turned over, big end first: bytes order as numbers do
 *     8    created time   1 + 8     0x00 and zeros for none, which is the smallest; 0x01 and as above
 *     17   sequence       8 bytes   as above
 *     25   0x01                     records of before have MessagePack of `values` here, which never begins so
 *     26   length of the columns' names (4 bytes), their number n (4 bytes), little end first
 *     34   the names, MessagePack; n kinds of a byte; n places of 8 bytes; texts and other values, where their places say
 *
 * A place holds a number (float64) or, of what lies behind the places, offset and length (4 bytes each), little end first.
 */
import type { Packr } from 'msgpackr';
import { type OnlineRecord, type RecordOrder, StoredRecord } from './online.ts';

const ORDER_BYTES = 25;
const FORMAT = 1;
const HEAD_BYTES = ORDER_BYTES + 9;
const PLACE_BYTES = 8;
const SIGN = 1n << 63n;
const SIGN_OF_WORD = 0x8000_0000;
const WORD = 2 ** 32;

/** What a place holds. PACKED: MessagePack, of lists, embeddings and integers beyond 2^53. */
const KIND = { none: 0, no: 1, yes: 2, number: 3, text: 4, packed: 5 } as const;

export interface RecordCodec {
  /** The bytes of a record, after `room` bytes of the caller's. */
  encode(record: OnlineRecord, room?: number): Buffer;
  /** Of a record from `start` to `end`; nothing of what it gives lies in `bytes`. */
  decode(bytes: Buffer, start: number, end: number): StoredRecord;
  /** A record whose values were read by their names. */
  fromValues(order: RecordOrder, values: Readonly<Record<string, unknown>>): StoredRecord;
}

interface Columns {
  readonly names: readonly string[];
  /** MessagePack of the names. */
  readonly bytes: Buffer;
}

/** There are about as many kinds of record as there are versions of feature sets; more of them start afresh. */
const KEPT_COLUMNS = 1_000;

export function recordCodec(packr: Packr): RecordCodec {
  let written: Columns = { names: [], bytes: packr.pack([]) };
  let read = written;
  let unpacked = written.names;
  let view: DataView = new DataView(new ArrayBuffer(0));
  /** By their bytes as text. */
  const known = new Map<string, Columns>();

  function columnsOf(record: OnlineRecord): Columns {
    const names = Object.keys(record.values);
    if (!areSame(names, written.names)) written = { names, bytes: Buffer.from(packr.pack(names)) };
    return written;
  }

  /** Mostly those of the record before. */
  function columnsIn(bytes: Buffer, start: number, end: number): Columns {
    if (bytes.compare(read.bytes, 0, read.bytes.length, start, end) === 0) return read;
    const id = bytes.toString('latin1', start, end);
    let found = known.get(id);
    if (found === undefined) {
      if (known.size >= KEPT_COLUMNS) known.clear();
      const own = Buffer.from(bytes.subarray(start, end));
      found = { names: Object.freeze(packr.unpack(own) as string[]), bytes: own };
      known.set(id, found);
    }
    read = found;
    return found;
  }

  function encode(record: OnlineRecord, room = 0): Buffer {
    const { names, bytes: nameBytes } = columnsOf(record);
    const kinds = room + HEAD_BYTES + nameBytes.length;
    const places = kinds + names.length;
    const rest = places + names.length * PLACE_BYTES;
    const beyond: Buffer[] = [];
    let end = rest;
    const bytes = Buffer.allocUnsafe(rest);
    writeOrder(bytes, room, record);
    bytes[room + ORDER_BYTES] = FORMAT;
    bytes.writeUInt32LE(nameBytes.length, room + ORDER_BYTES + 1);
    bytes.writeUInt32LE(names.length, room + ORDER_BYTES + 5);
    bytes.set(nameBytes, room + HEAD_BYTES);
    for (let at = 0; at < names.length; at += 1) {
      const value = record.values[names[at] as string];
      const place = places + at * PLACE_BYTES;
      const kind = kindOf(value);
      bytes[kinds + at] = kind;
      if (kind === KIND.number) bytes.writeDoubleLE(value as number, place);
      else if (kind < KIND.number) bytes.fill(0, place, place + PLACE_BYTES);
      else {
        const own = kind === KIND.text ? Buffer.from(value as string, 'utf8') : Buffer.from(packr.pack(value));
        bytes.writeUInt32LE(end - rest, place);
        bytes.writeUInt32LE(own.length, place + 4);
        beyond.push(own);
        end += own.length;
      }
    }
    return beyond.length === 0 ? bytes : Buffer.concat([bytes, ...beyond], end);
  }

  function decode(bytes: Buffer, start: number, end: number): StoredRecord {
    const order = readOrder(bytes, start);
    if (bytes[start + ORDER_BYTES] !== FORMAT) {
      const values = packr.unpack(bytes.subarray(start + ORDER_BYTES, end)) as Readonly<Record<string, unknown>>;
      return fromValues(order, values);
    }
    const view = viewOf(bytes);
    const base = bytes.byteOffset;
    const names = start + HEAD_BYTES;
    const kinds = names + view.getUint32(base + start + ORDER_BYTES + 1, true);
    const count = view.getUint32(base + start + ORDER_BYTES + 5, true);
    const places = kinds + count;
    const rest = places + count * PLACE_BYTES;
    const columns = columnsIn(bytes, names, kinds).names;
    const row = new Array<unknown>(count);
    for (let at = 0; at < count; at += 1) {
      const kind = bytes[kinds + at];
      const place = base + places + at * PLACE_BYTES;
      if (kind === KIND.number) row[at] = view.getFloat64(place, true);
      else if (kind === KIND.none) row[at] = null;
      else if (kind === KIND.text || kind === KIND.packed) {
        const from = rest + view.getUint32(place, true);
        const to = from + view.getUint32(place + 4, true);
        row[at] = kind === KIND.text ? bytes.toString('utf8', from, to) : packr.unpack(bytes.subarray(from, to));
      } else row[at] = kind === KIND.yes;
    }
    return new StoredRecord(order, columns, row);
  }

  /** Of the whole memory that holds them: records that are read together mostly lie in one. */
  function viewOf({ buffer }: Buffer): DataView {
    if (view.buffer !== buffer) view = new DataView(buffer);
    return view;
  }

  function fromValues(order: RecordOrder, values: Readonly<Record<string, unknown>>): StoredRecord {
    const names = Object.keys(values);
    if (!areSame(names, unpacked)) unpacked = Object.freeze(names);
    return new StoredRecord(order, unpacked, Object.values(values));
  }

  return { encode, decode, fromValues };
}

function kindOf(value: unknown): number {
  if (typeof value === 'number') return KIND.number;
  if (typeof value === 'string') return KIND.text;
  if (value === null || value === undefined) return KIND.none;
  if (typeof value === 'boolean') return value ? KIND.yes : KIND.no;
  return KIND.packed;
}

function writeOrder(bytes: Buffer, at: number, { eventTime, createdTime, sequence }: RecordOrder): void {
  bytes.writeBigUInt64BE(ordered(eventTime), at);
  bytes[at + 8] = createdTime === null ? 0 : 1;
  bytes.writeBigUInt64BE(createdTime === null ? 0n : ordered(createdTime), at + 9);
  bytes.writeBigUInt64BE(ordered(BigInt(sequence)), at + 17);
}

export function readOrder(bytes: Buffer, at: number): RecordOrder {
  return {
    eventTime: timeAt(bytes, at),
    createdTime: bytes[at + 8] === 0 ? null : timeAt(bytes, at + 9),
    sequence: ((wordAt(bytes, at + 17) ^ SIGN_OF_WORD) | 0) * WORD + wordAt(bytes, at + 21),
  };
}

/** Records that were written together mostly share their times; a bigint costs more than a look at two words. */
function timeAt(bytes: Buffer, at: number): bigint {
  const high = wordAt(bytes, at);
  const low = wordAt(bytes, at + 4);
  if (high !== lastTime.high || low !== lastTime.low)
    lastTime = { high, low, time: ((BigInt(high) << 32n) | BigInt(low)) - SIGN };
  return lastTime.time;
}

let lastTime = { high: 0, low: 0, time: -SIGN };

const wordAt = (bytes: Buffer, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

const ordered = (value: bigint): bigint => BigInt.asUintN(64, value + SIGN);

function areSame(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false;
  return true;
}
