/**
 * A snapshot of a source of many files. Files that were read and stay as they are, by size and time, are not read again: their rows are
 * those of the snapshot before, in one table that grows. Files lie together in parts; where one of a part was edited or is gone, the
 * part ends and is read again from its files. A part at a time passes through this machine.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { MlopsError } from '../../../lib/error.ts';
import type { FilesState, LocalTables, NewFiles, TextTable } from '../../local-tables.ts';
import { ReadAll, type Snapshot, type SnapshotRequest } from '../../offline-snapshots.ts';
import { FROM, type Grown, TO } from './grown.ts';
import { goesOn, keepGrown, snapshotOf, typedColumns, unrecorded } from './grown-snapshots.ts';
import { columnsOf, ident, list, PART, ROW, type ServerColumn, typeOfColumn } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

const READ_ATTEMPTS = 3;

/** Files changed while they were read, or another process took a snapshot meanwhile: it is to be looked again. */
class LookAgain extends Error {}

/** The newest snapshot of a table that grows: one that was taken before and not recorded is among them. */
interface FilesHead extends Grown {
  readonly files: FilesState;
  /** Of its rows, without ours. */
  readonly columns: readonly ServerColumn[];
}

export async function filesSnapshot(
  warehouse: Warehouse,
  local: LocalTables,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const { source, root, lastDigest, lastLocation } = request;
  let isWhole = false;
  for (let attempt = 1; ; attempt += 1) {
    const head = isWhole
      ? undefined
      : await warehouse.job(signal, (session) => headOf(warehouse, session, lastLocation));
    const found = await local.newFiles(source, root, head?.files ?? null, signal);
    if (head !== undefined && found.isSame) {
      if (found.isTouched) await warehouse.job(signal, (session) => keepTimes(warehouse, session, head, found.state));
      const increment = { rows: 0, files: found.files };
      return warehouse.job(signal, (session) => unrecorded(warehouse, session, request, head, increment));
    }
    if (found.digest === lastDigest) return undefined;
    try {
      return await warehouse.job(signal, (session) =>
        session.transaction(() => take(warehouse, session, request, head, found)),
      );
    } catch (error) {
      if (error instanceof ReadAll && !isWhole) isWhole = true;
      else if (!(error instanceof LookAgain)) throw error;
      else if (attempt >= READ_ATTEMPTS) throw changing(source.name);
    }
  }
}

async function headOf(
  { schema }: Warehouse,
  session: Session,
  lastLocation: string | null | undefined,
): Promise<FilesHead | undefined> {
  const [found] = await session.query<Omit<FilesHead, 'columns'> & Record<string, unknown>>(
    `select g.location, g.grown, g.number, g.digest, g.reading, g.content, g.watermark, g.files
       from ${schema}.grown_snapshots l join ${schema}.grown_snapshots g on g.grown = l.grown
      where l.location = $1 and g.files is not null and to_regclass($2 || '.' || quote_ident(g.grown)) is not null
      order by g.number desc limit 1`,
    [lastLocation ?? null, schema],
  );
  if (found === undefined) return undefined;
  const all = await columnsOf(session, `select * from ${schema}.${ident(found.grown)}`);
  return { ...found, columns: all.filter(({ name }) => ![ROW, FROM, TO, PART].includes(name)) };
}

/** Touched files need not be hashed next time. */
async function keepTimes({ schema }: Warehouse, session: Session, head: FilesHead, files: FilesState): Promise<void> {
  await session.query(`update ${schema}.grown_snapshots set files = $2 where location = $1`, [
    head.location,
    JSON.stringify(files),
  ]);
}

/** One transaction: the snapshot is there completely, or not at all. */
async function take(
  warehouse: Warehouse,
  session: Session,
  request: SnapshotRequest,
  last: FilesHead | undefined,
  found: NewFiles,
): Promise<Snapshot | undefined> {
  const { schema } = warehouse;
  // Between two statements files are read: a server that ends idle transactions must not end this one.
  await session.run('set local idle_in_transaction_session_timeout = 0');
  // What nothing is kept of begins a table of its own.
  const head = found.kept.length === 0 ? undefined : last;
  if (head !== undefined) {
    await session.query('select pg_advisory_xact_lock(hashtext($1))', [head.grown]);
    const now = await headOf(warehouse, session, head.location);
    if (now?.number !== head.number) throw new LookAgain();
  }
  const grown = head?.grown ?? `grown_${randomUUID()}`;
  const number = head === undefined ? 0 : head.number + 1;
  const table = `${schema}.${ident(grown)}`;
  if (head === undefined) await createTable(session, table);
  else
    await session.query(`update ${table} set ${TO} = ${number} where ${TO} is null and not ${PART} = any($1::text[])`, [
      found.kept,
    ]);
  let columns = head?.columns ?? [];
  let rows = 0;
  for (const id of found.read) {
    const part = await found.rows(id);
    try {
      const copied = await copyPart(session, table, part, { id, number, columns });
      columns = copied.columns;
      rows += copied.rows;
    } finally {
      await rm(part.path, { force: true });
    }
  }
  if (!(await found.areSameStill())) throw new LookAgain();
  await session.run(`analyze ${table}`);
  const { digest, state } = found;
  const location = `sources/${request.source.name}/${digest}`;
  const { reading } = state;
  const listed = { location, grown, number, digest, reading, content: null, watermark: null };
  await keepGrown(warehouse, session, { ...listed, files: state });
  return snapshotOf(warehouse, session, { location, digest }, { rows, files: found.files });
}

async function createTable(session: Session, table: string): Promise<void> {
  await session.run(
    `create table ${table} (${ROW} bigint not null, ${FROM} integer not null, ${TO} integer, ${PART} text not null);
     create index on ${table} (${FROM}); create index on ${table} (${ROW}); create index on ${table} (${PART}) where ${TO} is null`,
  );
}

/** The rows of one part behind those that are there. {@link ReadAll} where a column became another type. */
async function copyPart(
  session: Session,
  table: string,
  part: TextTable,
  of: { readonly id: string; readonly number: number; readonly columns: readonly ServerColumn[] },
): Promise<{ readonly columns: readonly ServerColumn[]; readonly rows: number }> {
  const typed = part.columns.slice(1).map((column) => `${ident(column.name)} ${typeOfColumn(column)}`);
  await session.run(`create temp table __fresh (${list([`${ROW} bigint not null`, ...typed])}) on commit drop`);
  const rows = await session.copyIn('__fresh', part.path);
  const fresh = (await columnsOf(session, 'select * from __fresh')).filter(({ name }) => name !== ROW);
  const shared = of.columns.filter(({ name }) => fresh.some((column) => column.name === name));
  if (!goesOn(shared, fresh)) throw new ReadAll();
  const added = fresh.filter(({ name }) => !of.columns.some((column) => column.name === name));
  for (const column of typedColumns(added)) await session.run(`alter table ${table} add column ${column}`);
  const names = fresh.map(({ name }) => ident(name));
  await session.run(
    `insert into ${table} (${list([ROW, FROM, PART, ...names])})
       select m.most + 1 + f.${ROW}, ${of.number}, '${of.id}', ${list(names.map((name) => `f.${name}`))}
         from __fresh f, (select coalesce(max(${ROW}), -1) as most from ${table}) m order by f.${ROW};
     drop table __fresh`,
  );
  return { columns: [...of.columns, ...added], rows };
}

function changing(name: string): MlopsError {
  return new MlopsError('FS204', {
    address: `source.${name}`,
    detail: `The source ${name} cannot be read. Its files change while they are read.`,
    hint: 'write a new version beside the old one and rename it into place',
  });
}
