/** Of a source of many files what is new or was edited, as text, some files at a time: for a store on a server, which keeps what it has. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../lib/canonical.ts';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import type { FilesRead, FilesState, NewFiles } from '../local-tables.ts';
import { type Engine, messageOf, type Session } from './engine.ts';
import type { KnownColumn } from './file-types.ts';
import { writeTable } from './files.ts';
import { sameStill, whatToRead } from './files-plan.ts';
import { matchingFiles, readerOf } from './files-reader.ts';
import { columnsOf, unreadable } from './source-relation.ts';
import { literal } from './sql.ts';
import { writeText } from './text-table.ts';

export async function newFiles(
  engine: Engine,
  source: CanonicalSource,
  root: string,
  last: FilesState | null,
  signal: AbortSignal,
): Promise<NewFiles> {
  const { files, format } = matchingFiles(source, root);
  const reader = readerOf(source, root, files, format);
  const before = last?.reading === reader.reading ? last : undefined;
  const plan = await whatToRead(files, before, root, signal);
  const reading: readonly FilesRead[] = plan.groups.map((group) => ({ id: randomUUID(), files: group }));
  const inEngine = <T>(body: (session: Session) => Promise<T>): Promise<T> =>
    engine.job(signal, body).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
    });
  const { known, columns } = await inEngine(async (session) => {
    let all: readonly KnownColumn[] = before?.known ?? [];
    for (const group of plan.groups) all = await reader.known(session, all, group);
    const found = new Map<string, Column>();
    for (const group of plan.groups)
      for (const column of await columnsOf(session, await reader.select(session, group, all)))
        if (!found.has(column.name)) found.set(column.name, column);
    return { known: all, columns: [...found.values()] };
  });
  const parts = [...plan.kept, ...reading];
  const { added, changed, gone, touched } = plan;
  return {
    state: { reading: reader.reading, known, parts },
    digest: digestOf({
      reading: reader.reading,
      parts: parts.map((part) => part.files.map(({ path, digest }) => [path, digest])),
    }),
    columns,
    read: reading.map(({ id }) => id),
    kept: plan.kept.map(({ id }) => id),
    isSame: before !== undefined && reading.length === 0 && plan.kept.length === before.parts.length,
    isTouched: touched,
    files: { all: files.length, added, changed, gone },
    rows: (id) =>
      inEngine(async (session) => {
        const group = reading.find((one) => one.id === id)?.files ?? [];
        const scratch = await engine.scratch();
        const [copy, path] = [join(scratch, `${randomUUID()}.parquet`), join(scratch, `${randomUUID()}.csv`)];
        try {
          // First as a table, which numbers its rows in their order.
          await session.serially(async () => writeTable(session, await reader.select(session, group, known), copy));
          const of = await columnsOf(
            session,
            `select * from read_parquet(${literal(copy)}, hive_partitioning = false)`,
          );
          const numbered = [{ name: 'file_row_number', type: 'BIGINT' }, ...of];
          const relation = `read_parquet(${literal(copy)}, file_row_number = true, hive_partitioning = false)`;
          await writeText(session, relation, numbered, path);
          return { path, columns: numbered };
        } finally {
          await rm(copy, { force: true });
        }
      }),
    areSameStill: () => sameStill(plan.groups.flat(), root),
  };
}
