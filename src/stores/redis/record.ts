/**
 * A record as bytes: its order in 25 bytes that lua/write-newest.lua compares, then its values in MessagePack.
 *
 *     0   event time     8 bytes   two's complement with the sign bit turned over, big end first: bytes order as numbers do
 *     8   created time   1 + 8     0x00 and zeros for none, which is the smallest; 0x01 and as above
 *     17  sequence       8 bytes   as above
 */
import type { Packr } from 'msgpackr';
import type { OnlineRecord } from '../online.ts';

const ORDER_BYTES = 25;
const SIGN = 1n << 63n;

export function encodeRecord(packr: Packr, record: OnlineRecord): Buffer {
  const values = packr.pack(record.values);
  const bytes = Buffer.alloc(ORDER_BYTES + values.length);
  bytes.writeBigUInt64BE(ordered(record.eventTime), 0);
  if (record.createdTime !== null) {
    bytes.writeUInt8(1, 8);
    bytes.writeBigUInt64BE(ordered(record.createdTime), 9);
  }
  bytes.writeBigUInt64BE(ordered(BigInt(record.sequence)), 17);
  values.copy(bytes, ORDER_BYTES);
  return bytes;
}

export function decodeRecord(packr: Packr, bytes: Buffer): OnlineRecord {
  return {
    eventTime: bytes.readBigUInt64BE(0) - SIGN,
    createdTime: bytes.readUInt8(8) === 0 ? null : bytes.readBigUInt64BE(9) - SIGN,
    sequence: Number(bytes.readBigUInt64BE(17) - SIGN),
    values: packr.unpack(bytes.subarray(ORDER_BYTES)) as Record<string, unknown>,
  };
}

const ordered = (value: bigint): bigint => BigInt.asUintN(64, value + SIGN);
