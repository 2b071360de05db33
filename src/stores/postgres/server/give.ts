/** Writing files that several users may meet: whole or not at all, and owned by whose project it is. */
import { chown, rename, writeFile } from 'node:fs/promises';

export async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const half = `${file}.${process.pid}.tmp`;
  await writeFile(half, text, { mode });
  await rename(half, file);
}

/** What root makes in somebody's project belongs to that somebody. */
export async function giveTo(
  owner: { readonly uid: number; readonly gid: number },
  ...paths: readonly string[]
): Promise<void> {
  if (process.getuid?.() !== 0 || owner.uid === 0) return;
  for (const path of paths) await chown(path, owner.uid, owner.gid);
}
