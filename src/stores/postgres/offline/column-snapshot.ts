/**
 * A snapshot of a file, a query or a table of the user's whose rows have a column that only grows. Read are the rows from the greatest
 * value read before, less the lookback, on. Of that stretch what is new is added and what is gone is ended; the rest stays as it is.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { digestOf } from '../../../lib/canonical.ts';
import type { LocalTables } from '../../local-tables.ts';
import { ReadAll, type ResumePoint, type Snapshot, type SnapshotRequest } from '../../offline-snapshots.ts';
import { columnBy, FROM, type Head, headOf, readingOf, stretchOf, TO } from './grown.ts';
import { goesOn, keepGrown, snapshotOf, typedColumns, unrecorded } from './grown-snapshots.ts';
import { createViews, refused, textHere } from './queries.ts';
import { columnsOf, ident, list, ROW, type ServerColumn, subquery, typeOfColumn } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

/** What was read now, as the temporary table `__fresh`. */
interface Fresh {
  readonly columns: readonly ServerColumn[];
  /** Digest of the file. */
  readonly content: string | null;
  readonly rows: number;
}

export async function columnSnapshot(
  warehouse: Warehouse,
  local: LocalTables,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const head = await warehouse.job(signal, (session) => headOf(warehouse, session, request));
  if (request.from !== undefined && request.from.from !== head?.resume?.from) throw new ReadAll();
  try {
    return await snapshotAfter(head);
  } catch (error) {
    if (!(error instanceof ReadAll) || request.from !== undefined) throw error;
    return snapshotAfter(undefined);
  }

  async function snapshotAfter(last: Head | undefined): Promise<Snapshot | undefined> {
    const { source, root, inputs } = request;
    if (source.query !== undefined)
      return warehouse.job(signal, async (session) => {
        await createViews(warehouse, session, inputs);
        return grow(warehouse, session, request, last, () => runQuery(session, request, last?.resume));
      });
    const read = await local.readFile(source, root, last?.content ?? null, signal, last?.resume);
    if (read === undefined)
      return last && warehouse.job(signal, (session) => unrecorded(warehouse, session, request, last, { rows: 0 }));
    try {
      return await warehouse.job(signal, (session) =>
        grow(warehouse, session, request, last, async () => {
          const typed = read.columns.slice(1).map((column) => `${ident(column.name)} ${typeOfColumn(column)}`);
          await session.run(`create temp table __fresh (${list([`${ROW} bigint not null`, ...typed])}) on commit drop`);
          const rows = await session.copyIn('__fresh', read.path);
          const columns = await columnsOf(session, 'select * from __fresh');
          return { columns: columns.filter(({ name }) => name !== ROW), content: read.digest, rows };
        }),
      );
    } finally {
      await rm(read.path, { force: true });
    }
  }
}

async function runQuery(
  session: Session,
  { source }: SnapshotRequest,
  resume: ResumePoint | undefined,
): Promise<Fresh> {
  const address = `source.${source.name}`;
  const query = subquery(await textHere(source.query ?? '', address), 'q');
  // One process alone: rows of a query without an order come as they lie.
  await session.run('set local max_parallel_workers_per_gather = 0');
  try {
    const columns = await columnsOf(session, `select * from ${query}`);
    await session.run(
      `create temp table __fresh on commit drop as select row_number() over () - 1 as ${ROW}, q.* from ${query}
       where ${stretchOf(columnBy(source, columns), resume, 'q')}`,
    );
    const [counted] = await session.query<{ rows: string }>('select count(*)::text as rows from __fresh');
    return { columns, content: null, rows: Number(counted?.rows ?? 0) };
  } catch (error) {
    throw refused(`the query of ${address}`, error, address);
  }
}

/** One transaction: a snapshot is there completely, or not at all. */
function grow(
  warehouse: Warehouse,
  session: Session,
  request: SnapshotRequest,
  last: Head | undefined,
  read: () => Promise<Fresh>,
): Promise<Snapshot | undefined> {
  return session.transaction(async () => {
    if (last !== undefined) await session.query('select pg_advisory_xact_lock(hashtext($1))', [last.grown]);
    const fresh = await read();
    const by = columnBy(request.source, fresh.columns);
    // Somebody else may have gone on since: what was read is still all of the same stretch.
    const now = last && (await headOf(warehouse, session, request));
    const head =
      now?.grown === last?.grown && now !== undefined && goesOn(now.columns, fresh.columns) ? now : undefined;
    if (head === undefined && last?.resume !== undefined) throw new ReadAll();

    const grown = head?.grown ?? `grown_${randomUUID()}`;
    const number = head === undefined ? 0 : head.number + 1;
    const table = `${warehouse.schema}.${ident(grown)}`;
    await prepare(session, table, head, fresh.columns, by);
    const changes = await change(session, table, number, fresh.columns, stretchOf(by, last?.resume, 't'));
    if (head !== undefined && changes.added === 0 && changes.gone === 0)
      return unrecorded(warehouse, session, request, head, { rows: fresh.rows });
    const reading = readingOf(request);
    const digest = digestOf({ reading, after: head?.digest ?? null, changes });
    const location = `sources/${request.source.name}/${digest}`;
    const [greatest] = await session.query<{ watermark: string | null }>(
      `select max(${ident(by.name)})::text as watermark from ${table} where ${TO} is null`,
    );
    const watermark = greatest?.watermark ?? null;
    const { content } = fresh;
    await keepGrown(warehouse, session, { location, grown, number, digest, reading, content, watermark });
    return snapshotOf(warehouse, session, { location, digest }, { rows: fresh.rows });
  });
}

/** The table that grows, with all columns. */
async function prepare(
  session: Session,
  table: string,
  head: Head | undefined,
  columns: readonly ServerColumn[],
  by: ServerColumn,
): Promise<void> {
  if (head === undefined) {
    await session.run(
      `create table ${table} (${list([`${ROW} bigint not null`, `${FROM} integer not null`, `${TO} integer`, ...typedColumns(columns)])});
       create index on ${table} (${ident(by.name)}); create index on ${table} (${FROM})`,
    );
    return;
  }
  const added = columns.filter(({ name }) => !head.columns.some((column) => column.name === name));
  for (const column of typedColumns(added)) await session.run(`alter table ${table} add column ${column}`);
}

interface Changes {
  readonly added: number;
  readonly gone: number;
  /** Of the texts of these rows, in whatever order. */
  readonly sums: readonly (string | null)[];
}

/** Rows of the stretch that are alike are told apart by their number: as many as there were, and no more, stay. */
async function change(
  session: Session,
  table: string,
  number: number,
  columns: readonly ServerColumn[],
  stretch: string,
): Promise<Changes> {
  const names = columns.map(({ name }) => ident(name));
  const hashed = `md5(row(${list(names.map((name) => `t.${name}`))})::text)`;
  const alike = `${hashed} as h, row_number() over (partition by ${hashed} order by t.${ROW}) as k`;
  await session.run(
    `create temp table __there on commit drop as select t.ctid as at, ${alike} from ${table} t where t.${TO} is null and ${stretch};
     create temp table __read on commit drop as select t.${ROW}, ${alike} from __fresh t;
     analyze __there; analyze __read;
     create temp table __added on commit drop as select r.${ROW}, r.h from __read r where not exists (select 1 from __there o where o.h = r.h and o.k = r.k);
     create temp table __gone on commit drop as select o.at, o.h from __there o where not exists (select 1 from __read r where o.h = r.h and o.k = r.k);
     update ${table} t set ${TO} = ${number} from __gone g where t.ctid = g.at;
     insert into ${table} (${list([ROW, FROM, ...names])})
       select m.most + row_number() over (order by f.${ROW}), ${number}, ${list(names.map((name) => `f.${name}`))}
       from __fresh f join __added a on a.${ROW} = f.${ROW}, (select coalesce(max(${ROW}), -1) as most from ${table}) m;
     analyze ${table}`,
  );
  const told = async (from: string) => {
    const [row] = await session.query<{ rows: string; one: string | null; other: string | null }>(
      `select count(*)::text as rows, sum(hashtextextended(h, 0)::numeric)::text as one, sum(hashtextextended(h, 1)::numeric)::text as other from ${from}`,
    );
    return { rows: Number(row?.rows ?? 0), sums: [row?.one ?? null, row?.other ?? null] };
  };
  const [added, gone] = [await told('__added'), await told('__gone')];
  return { added: added.rows, gone: gone.rows, sums: [...added.sums, ...gone.sums] };
}
