/**
 * Where rows lie. `sources/visits/DIGEST` is a table of its own; `sets/labs/v1/ID` are the rows of one write in the table of
 * that version, so that one index finds a key in all of them. Names of tables say what they hold.
 */
import { sha256 } from '../../../lib/canonical.ts';
import { MlopsError } from '../../../lib/error.ts';
import type { RowPlan } from '../../offline-rows.ts';
import { LONGEST_NAME } from './schema.ts';
import {
  CREATED_TIME,
  EVENT_TIME,
  featureColumn,
  ident,
  keyColumn,
  list,
  literal,
  PART,
  ROW,
  SEQUENCE,
  sqlType,
} from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

export function isPart(location: string): boolean {
  return location.startsWith('sets/');
}

/** The table of a location of a source, or of a folder of a set: `source_visits_2f6d…`, `set_labs_v1`. */
export function tableName(place: string): string {
  const [kind, ...rest] = place.split('/');
  const name = kind === 'sets' ? `set_${rest.join('_')}` : `source_${rest[0] ?? ''}_${(rest[1] ?? '').slice(0, 16)}`;
  if (Buffer.byteLength(name) <= LONGEST_NAME) return name;
  return `${name.slice(0, LONGEST_NAME - 17)}_${sha256(place).slice(0, 16)}`;
}

export function tableOf({ schema }: Pick<Warehouse, 'schema'>, place: string): string {
  return `${schema}.${ident(tableName(place))}`;
}

/** Parts of one version, as a relation with their condition. FS204 where one is not there. */
export async function partsOf(
  warehouse: Warehouse,
  session: Session,
  locations: readonly string[],
): Promise<{ readonly table: string; readonly among: (alias: string) => string }> {
  const found = await session.query<{ id: string; location: string; table_name: string; all: boolean }>(
    `select p.id::text, p.location, p.table_name,
            (select count(*) from ${warehouse.schema}.parts o where o.table_name = p.table_name) = $2 as all
     from ${warehouse.schema}.parts p where p.location = any($1)`,
    [locations, new Set(locations).size],
  );
  const missing = locations.find((location) => !found.some((part) => part.location === location));
  const [first] = found;
  if (missing !== undefined || first === undefined) throw partMissing(missing ?? '');
  const [there] = await session.query<{ there: boolean }>(
    `select to_regclass(${literal(`${warehouse.schema}.${ident(first.table_name)}`)}) is not null as there`,
  );
  if (there?.there !== true) throw partMissing(first.location);
  return {
    table: `${warehouse.schema}.${ident(first.table_name)}`,
    // Where every part of the table is asked for, nothing has to be told apart.
    among: (alias) =>
      first.all ? 'true' : `${alias}.${PART} = any('{${found.map(({ id }) => id).join(',')}}'::bigint[])`,
  };
}

function partMissing(location: string): MlopsError {
  return new MlopsError('FS204', {
    detail: `The rows of ${location} are recorded, but are not in the offline store.`,
    hint: 'mlops plan --refresh-only says what else is missing; mlops features materialize NAME --repair makes it again',
  });
}

/** The table of a version, made where it is new. Inside a transaction. */
export async function ensureSetTable(
  warehouse: Warehouse,
  session: Session,
  plan: RowPlan,
  folder: string,
): Promise<string> {
  const table = tableOf(warehouse, folder);
  const [found] = await session.query<{ there: boolean }>(`select to_regclass(${literal(table)}) is not null as there`);
  if (found?.there === true) return table;
  await session.query('select pg_advisory_xact_lock(hashtext($1))', [table]);
  const keys = plan.keys.map(keyColumn);
  const columns = [
    `${PART} bigint not null`,
    ...plan.keys.map((key) => `${keyColumn(key)} ${sqlType(key.type)} not null`),
    `${EVENT_TIME} timestamp not null`,
    `${CREATED_TIME} timestamp`,
    `${SEQUENCE} bigint not null`,
    `${ROW} bigint not null`,
    ...plan.features.map((feature) => `${featureColumn(plan.keys, feature)} ${sqlType(feature.dtype)}`),
  ];
  const [now] = await session.query<{ there: boolean }>(`select to_regclass(${literal(table)}) is not null as there`);
  if (now?.there === true) return table;
  await session.run(`create table ${table} (${list(columns)})`);
  // In the order in which an answer is looked for: the first entry at or below the asking time is the one.
  await session.run(
    `create index on ${table} (${list([...keys, `${EVENT_TIME} desc`, `${CREATED_TIME} desc nulls last`, `${SEQUENCE} desc`, `${ROW} desc`])})`,
  );
  // Parts lie one after the other: a few pages tell where each is.
  await session.run(`create index on ${table} using brin (${PART})`);
  return table;
}

/** A new part's number. */
export async function addPart(
  { schema }: Warehouse,
  session: Session,
  part: { readonly location: string; readonly table: string; readonly rows: number; readonly bytes: number },
): Promise<string> {
  const [added] = await session.query<{ id: string }>(
    `insert into ${schema}.parts (location, table_name, rows, bytes) values ($1, $2, $3, $4) returning id::text`,
    [part.location, part.table, part.rows, part.bytes],
  );
  return added?.id ?? '';
}

/** Deletes the tables and parts of a folder that are not kept. */
export async function sweepParts(warehouse: Warehouse, folder: string, keep: readonly string[]): Promise<void> {
  await warehouse.job(undefined, (session) =>
    session.transaction(async () => {
      const gone = await session.query<{ id: string; location: string; table_name: string }>(
        `delete from ${warehouse.schema}.parts where starts_with(location, $1) and not location = any($2) returning id::text, location, table_name`,
        [`${folder}/`, keep],
      );
      const wholeSet = isPart(`${folder}/`) && keep.length === 0;
      if (wholeSet) await session.run(`drop table if exists ${tableOf(warehouse, folder)}`);
      if (wholeSet || gone.length === 0) return;
      if (!isPart(`${folder}/`)) {
        await dropSnapshots(warehouse, session, gone);
        return;
      }
      const table = tableOf(warehouse, folder);
      const [there] = await session.query<{ there: boolean }>(
        `select to_regclass(${literal(table)}) is not null as there`,
      );
      if (there?.there === true)
        await session.query(`delete from ${table} where ${PART} = any($1::bigint[])`, [gone.map(({ id }) => id)]);
    }),
  );
}

/** What snapshots of one source share goes with the last of them. */
export async function removeSnapshots(warehouse: Warehouse, locations: readonly string[]): Promise<void> {
  await warehouse.job(undefined, (session) =>
    session.transaction(async () => {
      const gone = await session.query<{ location: string; table_name: string }>(
        `delete from ${warehouse.schema}.parts where location = any($1) returning location, table_name`,
        [locations],
      );
      await dropSnapshots(warehouse, session, gone);
    }),
  );
}

/** Tables of their own, or views of one that grows, which goes with the last of them. */
async function dropSnapshots(
  { schema }: Warehouse,
  session: Session,
  gone: readonly { readonly location: string; readonly table_name: string }[],
): Promise<void> {
  const views = await session.query<{ location: string; grown: string }>(
    `delete from ${schema}.grown_snapshots where location = any($1) returning location, grown`,
    [gone.map(({ location }) => location)],
  );
  for (const { location, table_name } of gone) {
    const kind = views.some((view) => view.location === location) ? 'view' : 'table';
    await session.run(`drop ${kind} if exists ${schema}.${ident(table_name)}`);
  }
  for (const grown of new Set(views.map((view) => view.grown))) {
    const left = await session.query(`select from ${schema}.grown_snapshots where grown = $1 limit 1`, [grown]);
    if (left.length === 0) await session.run(`drop table if exists ${schema}.${ident(grown)}`);
  }
}
