/** The rows of a query as a file of text on this machine. */
import { open, rm } from 'node:fs/promises';
import type { Column } from '../../../spec/column.ts';
import type { LocalTables, TextTable } from '../../local-tables.ts';
import type { Session } from './warehouse.ts';

/** `columns`: what `select` gives, in order. The file is the caller's to delete. */
export async function writeRows(
  session: Session,
  local: LocalTables,
  select: string,
  columns: readonly Column[],
): Promise<TextTable> {
  const path = await local.scratchFile('csv');
  const file = await open(path, 'w');
  try {
    await session.copyOut(select, async (chunk) => {
      await file.appendFile(chunk);
    });
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return { path, columns: columns.map(({ name, type }) => ({ name, type })) };
}
