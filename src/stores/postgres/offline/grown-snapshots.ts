/** Snapshots that share a table which grows, as views of it: how one is listed, and what is told of it. */
import type { FilesState } from '../../local-tables.ts';
import type { Increment, Snapshot, SnapshotRequest } from '../../offline-snapshots.ts';
import { FROM, type Grown, has, TO } from './grown.ts';
import { addPart, tableName, tableOf } from './parts.ts';
import { columnsOf, ident, list, PART, ROW, type ServerColumn } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

/** Columns may come; those that are there keep their types. */
export function goesOn(before: readonly ServerColumn[], now: readonly ServerColumn[]): boolean {
  return before.every(({ name, serverType }) =>
    now.some((column) => column.name === name && column.serverType === serverType),
  );
}

/** As they are declared in the table. */
export function typedColumns(columns: readonly ServerColumn[]): readonly string[] {
  return columns.map(
    ({ name, serverType }) => `${ident(name)} ${serverType === 'text' ? 'text collate "C"' : serverType}`,
  );
}

/** Lists the snapshot, a view of its rows. */
export async function keepGrown(
  warehouse: Warehouse,
  session: Session,
  snapshot: Grown & { readonly files?: FilesState },
): Promise<void> {
  const { location, grown, number, digest, reading, content, watermark, files } = snapshot;
  const { schema } = warehouse;
  // Read afresh with the content of one before: that one is it, and training sets may name it. Without its view it is made again.
  const [known] = await session.query<{ whole: boolean }>(
    `select to_regclass($2) is not null as whole from ${schema}.grown_snapshots where location = $1`,
    [location, tableOf(warehouse, location)],
  );
  if (known?.whole === true && number === 0) {
    await session.run(`drop table ${schema}.${ident(grown)}`);
    return;
  }
  await session.run(`drop view if exists ${tableOf(warehouse, location)}`);
  await session.query(`delete from ${schema}.parts where location = $1`, [location]);
  await session.query(`delete from ${schema}.grown_snapshots where location = $1`, [location]);
  const table = `${schema}.${ident(grown)}`;
  const columns = (await columnsOf(session, `select * from ${table}`)).filter(
    ({ name }) => name !== FROM && name !== TO && name !== PART,
  );
  await session.run(
    `create view ${tableOf(warehouse, location)} as select ${list(columns.map(({ name }) => ident(name)))} from ${table} where ${has(number)}`,
  );
  await session.query(
    `insert into ${schema}.grown_snapshots (location, grown, number, digest, reading, content, watermark, files) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [location, grown, number, digest, reading, content, watermark, files === undefined ? null : JSON.stringify(files)],
  );
  const [size] = await session.query<{ rows: string; bytes: string }>(
    `select count(*)::text as rows, pg_table_size($1::regclass)::text as bytes from ${table} where ${has(number)}`,
    [table],
  );
  const [rows, bytes] = [Number(size?.rows ?? 0), Number(size?.bytes ?? 0)];
  await addPart(warehouse, session, { location, table: tableName(location), rows, bytes });
}

/** Nothing new; but the newest snapshot may be one that was taken and never recorded. */
export async function unrecorded(
  warehouse: Warehouse,
  session: Session,
  { lastLocation }: Pick<SnapshotRequest, 'lastLocation'>,
  head: Pick<Grown, 'location' | 'digest'>,
  increment: Increment,
): Promise<Snapshot | undefined> {
  return head.location === lastLocation ? undefined : snapshotOf(warehouse, session, head, increment);
}

export async function snapshotOf(
  warehouse: Warehouse,
  session: Session,
  { location, digest }: Pick<Grown, 'location' | 'digest'>,
  increment: Increment,
): Promise<Snapshot> {
  const [part] = await session.query<{ rows: string; bytes: string }>(
    `select rows::text, bytes::text from ${warehouse.schema}.parts where location = $1`,
    [location],
  );
  const columns = await columnsOf(session, `select * from ${tableOf(warehouse, location)}`);
  return {
    location,
    digest,
    rows: Number(part?.rows ?? 0),
    bytes: Number(part?.bytes ?? 0),
    columns: columns.filter(({ name }) => name !== ROW).map(({ name, type }) => ({ name, type })),
    increment,
  };
}
