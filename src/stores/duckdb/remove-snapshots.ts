/** Deletes snapshots: of one that grew in parts, those parts that no snapshot to keep has too. */
import { rm } from 'node:fs/promises';
import { MlopsError } from '../../lib/error.ts';
import { fileOf } from './files.ts';
import { isManifest, readManifest } from './manifest.ts';

export async function removeSnapshots(
  root: string,
  locations: readonly string[],
  keep: readonly string[],
): Promise<void> {
  const tables = new Set<string>();
  for (const location of locations)
    if (isManifest(location)) for (const part of await partsOf(root, location)) tables.add(part);
  if (tables.size > 0)
    for (const location of keep)
      if (isManifest(location)) for (const part of await partsOf(root, location)) tables.delete(part);
  for (const table of tables) await rm(fileOf(root, table), { force: true });
  // The lists last: killed before, their parts are found again.
  for (const location of locations) if (!keep.includes(location)) await rm(fileOf(root, location), { force: true });
}

/** None of one that is not there; FS204 where it cannot be read. */
async function partsOf(root: string, location: string): Promise<readonly string[]> {
  try {
    return (await readManifest(root, location)).parts.map(({ table }) => table);
  } catch (error) {
    if (error instanceof MlopsError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return [];
    throw error;
  }
}
