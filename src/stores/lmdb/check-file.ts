/**
 * Whether a file can be an LMDB environment. LMDB maps it and trusts it: one that is overwritten or cut off ends the process, so its
 * two meta pages are read before. Offsets as of mdb.c: a page's header has 24 bytes, then magic, version, address, map size,
 * the records of the two databases (48 bytes each), the last page and the transaction.
 * Free pages count too: LMDB touches the last one when it opens the file, whether anything is on it or not.
 */
import { type FileHandle, open } from 'node:fs/promises';

const MAGIC = 0xbeefc0de;
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152 } as const;
const META_BYTES = 160;

/** What is wrong with it; undefined where nothing is, or where there is no file. */
export async function problemOfFile(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    return await problemIn(file);
  } finally {
    await file.close();
  }
}

async function problemIn(file: FileHandle): Promise<string | undefined> {
  // Another process is making it.
  if ((await file.stat()).size === 0) return undefined;
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
  // Asked after the meta pages were read: another process may write, and these are written last.
  const pages = BigInt(Math.floor((await file.stat()).size / pageSize));
  return newest.readBigUInt64LE(META.lastPage) < pages ? undefined : 'it is cut off';
}
