/** Keys of the database: of a table's records, in the order of their entity keys, and of its progress (see lmdb-online.ts). */
import { createHash } from 'node:crypto';
import type { OnlineTable } from '../online.ts';

export const RECORD = 0x72;
export const PROGRESS = 0x70;
/** LMDB holds keys of up to 1,978 bytes; longer ones are replaced by their hash. */
const LONGEST_KEY = 1_800;
const NO_KEY = new Uint8Array();

/** By table, as whoever reads and writes has it: it never changes. */
const heads = new WeakMap<OnlineTable, Buffer>();

export function keyOf(table: OnlineTable, part: number, key: Uint8Array = NO_KEY): Buffer {
  const tail = key.length > LONGEST_KEY ? createHash('sha256').update(key).digest() : key;
  const head = headOf(table);
  const bytes = Buffer.allocUnsafe(head.length + 1 + tail.length);
  bytes.set(head, 0);
  bytes[head.length] = part;
  bytes.set(tail, head.length + 1);
  return bytes;
}

/** What all keys of a table begin with. */
function headOf(table: OnlineTable): Buffer {
  const known = heads.get(table);
  if (known !== undefined) return known;
  const nameBytes = Buffer.byteLength(table.set, 'utf8');
  const head = Buffer.alloc(nameBytes + 5);
  head.write(table.set, 'utf8');
  head.writeUInt32BE(table.version, nameBytes + 1);
  heads.set(table, head);
  return head;
}
