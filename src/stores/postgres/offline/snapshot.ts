/** Snapshots of sources as tables. A file is read by the engine on this machine and its rows are copied in; a query runs on the server. */
import { createHash, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { canonicalJson } from '../../../lib/canonical.ts';
import type { CanonicalSource } from '../../../spec/canonical-specs.ts';
import { areManyFiles } from '../../../spec/source-files.ts';
import type { LocalTables } from '../../local-tables.ts';
import type { Snapshot, SnapshotRequest } from '../../offline-snapshots.ts';
import { columnSnapshot } from './column-snapshot.ts';
import { filesSnapshot } from './files-snapshot.ts';
import { addPart, tableName, tableOf } from './parts.ts';
import { createViews, refused, snapshotColumns, textHere } from './queries.ts';
import { ident, list, ROW, subquery, typeOfColumn } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

export async function takeSnapshot(
  warehouse: Warehouse,
  local: LocalTables,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  if (request.source.incremental !== undefined) return columnSnapshot(warehouse, local, request, signal);
  if (areManyFiles(request.root, request.source.file)) return filesSnapshot(warehouse, local, request, signal);
  return request.source.query === undefined
    ? fileSnapshot(warehouse, local, request, signal)
    : querySnapshot(warehouse, request, signal);
}

async function fileSnapshot(
  warehouse: Warehouse,
  local: LocalTables,
  { source, root, lastDigest }: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const read = await local.readFile(source, root, lastDigest, signal);
  if (read === undefined) return undefined;
  try {
    return await warehouse.job(signal, (session) =>
      session.transaction(async () => {
        const [, ...columns] = read.columns;
        const table = `${warehouse.schema}.${ident(`copying_${randomUUID()}`)}`;
        const typed = columns.map((column) => `${ident(column.name)} ${typeOfColumn(column)}`);
        await session.run(`create table ${table} (${list([`${ROW} bigint not null`, ...typed])})`);
        const rows = await session.copyIn(table, read.path);
        return keep(warehouse, session, source, { digest: read.digest, rows, table });
      }),
    );
  } finally {
    await rm(read.path, { force: true });
  }
}

async function querySnapshot(
  warehouse: Warehouse,
  { source, inputs, lastDigest }: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const address = `source.${source.name}`;
  const text = await textHere(source.query ?? '', address);
  return warehouse.job(signal, async (session) => {
    await createViews(warehouse, session, inputs);
    const table = `${warehouse.schema}.${ident(`copying_${randomUUID()}`)}`;
    await session.run('begin');
    // One process alone: rows of a query without an order come as they lie.
    await session.run('set local max_parallel_workers_per_gather = 0');
    try {
      await session
        .run(`create table ${table} as select row_number() over () - 1 as ${ROW}, q.* from ${subquery(text, 'q')}`)
        .catch((error: unknown) => {
          throw refused(`the query of ${address}`, error, address);
        });
      const { digest, rows } = await contentOf(session, source, table);
      if (digest === lastDigest) {
        await session.run('rollback');
        return undefined;
      }
      const kept = await keep(warehouse, session, source, { digest, rows, table });
      await session.run('commit');
      return kept;
    } catch (error) {
      await session.run('rollback').catch(() => {});
      throw error;
    }
  });
}

/** SHA-256 of the rows, in whatever order the server has them, and how they are asked for. */
async function contentOf(
  session: Session,
  source: CanonicalSource,
  table: string,
): Promise<{ readonly digest: string; readonly rows: number }> {
  const hash = createHash('sha256');
  hash.update(canonicalJson({ columns: source.columns, query: source.query }));
  const columns = (await session.fields(`select * from ${table}`))
    .map(({ name }) => name)
    .filter((name) => name !== ROW);
  hash.update(canonicalJson(columns));
  const row = columns.length === 0 ? "''" : `row(${list(columns.map((name) => `t.${ident(name)}`))})::text`;
  await session.copyOut(`select ${row} as r from ${table} t order by ${row} collate "C"`, async (chunk) => {
    hash.update(chunk);
  });
  const [counted] = await session.query<{ rows: number }>(`select count(*) as rows from ${table}`);
  return { digest: hash.digest('hex'), rows: Number(counted?.rows ?? 0) };
}

/** Gives the table the name of its content and lists it. */
async function keep(
  warehouse: Warehouse,
  session: Session,
  source: CanonicalSource,
  { digest, rows, table }: { readonly digest: string; readonly rows: number; readonly table: string },
): Promise<Snapshot> {
  const location = `sources/${source.name}/${digest}`;
  const target = tableOf(warehouse, location);
  await session.query('select pg_advisory_xact_lock(hashtext($1))', [target]);
  await session.query(`delete from ${warehouse.schema}.parts where location = $1`, [location]);
  await session.run(
    `drop table if exists ${target}; alter table ${table} rename to ${ident(tableName(location))}; analyze ${target}`,
  );
  const [size] = await session.query<{ bytes: number }>('select pg_table_size($1::regclass) as bytes', [target]);
  const bytes = Number(size?.bytes ?? 0);
  await addPart(warehouse, session, { location, table: tableName(location), rows, bytes });
  const columns = await snapshotColumns(warehouse, session, location);
  return { location, digest, rows, bytes, columns: columns.map(({ name, type }) => ({ name, type })) };
}
