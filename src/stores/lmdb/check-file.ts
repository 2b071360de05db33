/**
 * Whether a file can be an LMDB environment. LMDB maps it and trusts it: one that is overwritten or cut off ends the process, so its
 * two meta pages are read before. Offsets as of mdb.c: a page's header has 24 bytes, then magic, version, address, map size,
 * the records of the two databases (48 bytes each), the last page and the transaction.
 */
import { open } from 'node:fs/promises';

const MAGIC = 0xbeefc0de;
const META = { magic: 24, pageSize: 48, databases: [48, 96], transaction: 152 } as const;
/** Within a database's record. */
const DATABASE = { pages: [8, 16, 24], root: 40 } as const;
const META_BYTES = 160;
const NO_ROOT = 2n ** 64n - 1n;

/** What is wrong with it; undefined where nothing is, or where there is no file. */
export async function problemOfFile(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    // Another process is making it.
    if (size === 0) return undefined;
    const read = async (at: number): Promise<Buffer> => {
      const bytes = Buffer.alloc(META_BYTES);
      await file.read(bytes, 0, META_BYTES, at);
      return bytes;
    };
    const first = await read(0);
    if (first.readUInt32LE(META.magic) !== MAGIC) return 'it is no LMDB file';
    const pageSize = first.readUInt32LE(META.pageSize);
    const second = await read(pageSize);
    if (second.readUInt32LE(META.magic) !== MAGIC) return 'its second page is damaged';
    const newest = first.readBigUInt64LE(META.transaction) > second.readBigUInt64LE(META.transaction) ? first : second;
    const pages = BigInt(Math.floor(size / pageSize));
    let used = 2n;
    for (const database of META.databases) {
      for (const offset of DATABASE.pages) used += newest.readBigUInt64LE(database + offset);
      const root = newest.readBigUInt64LE(database + DATABASE.root);
      if (root !== NO_ROOT && root >= pages) return 'it is cut off';
    }
    return used > pages ? 'it is cut off' : undefined;
  } finally {
    await file.close();
  }
}
