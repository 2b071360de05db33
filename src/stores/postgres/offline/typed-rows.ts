/**
 * The rows of a feature set by their types, as the temporary table `__typed`. Where the server's types are those of the set, or
 * always fit them, the rows never leave it; else the engine on this machine casts them, as it does for every store, and they come back.
 */
import { rm } from 'node:fs/promises';
import { MlopsError } from '../../../lib/error.ts';
import type { LocalTables, TextTable } from '../../local-tables.ts';
import type { RowPlan } from '../../offline-rows.ts';
import { rowsSince } from './grown.ts';
import { tableOf } from './parts.ts';
import { createViews, refused, snapshotColumns, textHere } from './queries.ts';
import {
  CREATED_TIME,
  castInPlace,
  columnsOf,
  EVENT_TIME,
  featureColumn,
  ident,
  keyColumn,
  list,
  ROW,
  type ServerColumn,
  sqlType,
  subquery,
  textOf,
} from './sql.ts';
import { writeRows } from './text-file.ts';
import type { Session, Warehouse } from './warehouse.ts';

interface Relation {
  readonly sql: string;
  /** An expression for a row's number in it. */
  readonly position: string;
  readonly columns: readonly ServerColumn[];
}

/** Answers the number of rows. */
export async function createTypedRows(
  warehouse: Warehouse,
  local: LocalTables,
  session: Session,
  plan: RowPlan,
  signal: AbortSignal,
): Promise<number> {
  const relation = await relationOf(warehouse, session, plan);
  const inPlace = castsOf(plan, relation.columns);
  if (inPlace !== undefined) {
    const values = [...inPlace.map(({ cast, as }) => `${cast} as ${as}`), `${relation.position} as ${ROW}`];
    if (plan.createdTime === null) values.push(`null::timestamp as ${CREATED_TIME}`);
    await session
      .run(`create temp table __typed as select ${list(values)} from ${relation.sql}`)
      .catch((error: unknown) => {
        throw refused(`the query of ${plan.address}`, error, plan.address);
      });
  } else {
    await createTable(session, plan);
    const rows = await exportRows(session, local, relation).catch((error: unknown) => {
      throw refused(`the query of ${plan.address}`, error, plan.address);
    });
    try {
      const typed = await local.typeRows(plan, rows, signal);
      try {
        await session.copyIn(`__typed (${list(typed.columns.map(({ name }) => ident(name)))})`, typed.path);
      } finally {
        await rm(typed.path, { force: true });
      }
    } finally {
      await rm(rows.path, { force: true });
    }
  }
  const [counted] = await session.query<{ rows: number }>('select count(*) as rows from __typed');
  return Number(counted?.rows ?? 0);
}

/** The rows as they are, for the engine on this machine. */
export async function untypedRows(
  warehouse: Warehouse,
  local: LocalTables,
  session: Session,
  plan: RowPlan,
): Promise<TextTable> {
  const relation = await relationOf(warehouse, session, plan);
  return exportRows(session, local, relation).catch((error: unknown) => {
    throw refused(`the query of ${plan.address}`, error, plan.address);
  });
}

async function exportRows(session: Session, local: LocalTables, relation: Relation): Promise<TextTable> {
  const columns = [{ name: ROW, type: 'BIGINT' }, ...relation.columns];
  const values = [
    relation.position,
    ...relation.columns.map(({ name, serverType }) => textOf(ident(name), serverType)),
  ];
  return writeRows(session, local, `select ${list(values)} from ${relation.sql}`, columns);
}

async function relationOf(warehouse: Warehouse, session: Session, plan: RowPlan): Promise<Relation> {
  if ('query' in plan.from) {
    await createViews(warehouse, session, plan.inputs);
    const sql = subquery(await textHere(plan.from.query, plan.address), 'q');
    const columns = await columnsOf(session, `select * from ${sql}`).catch((error: unknown) => {
      throw refused(`the query of ${plan.address}`, error, plan.address);
    });
    return { sql, position: '0::bigint', columns };
  }
  const location = plan.inputs[plan.from.source];
  if (location === undefined)
    throw new MlopsError('FS204', { address: plan.address, detail: `The source ${plan.from.source} has no snapshot.` });
  const columns = await snapshotColumns(warehouse, session, location);
  const fresh = await rowsSince(warehouse, session, location, plan.since?.[plan.from.source], columns);
  return { sql: `${fresh ?? tableOf(warehouse, location)} q`, position: ROW, columns };
}

/** Undefined where a column may not fit, or is missing: that is told with its example by the engine here. */
function castsOf(
  plan: RowPlan,
  there: readonly ServerColumn[],
): readonly { readonly cast: string; readonly as: string }[] | undefined {
  const wanted = [
    ...plan.keys.map((key) => ({ name: key.name, type: key.type, as: keyColumn(key) })),
    { name: plan.eventTime, type: 'timestamp' as const, as: EVENT_TIME },
    ...(plan.createdTime === null ? [] : [{ name: plan.createdTime, type: 'timestamp' as const, as: CREATED_TIME }]),
    ...plan.features.map((feature) => ({
      name: feature.column,
      type: feature.dtype,
      as: featureColumn(plan.keys, feature),
    })),
  ];
  const casts = wanted.flatMap(({ name, type, as }) => {
    const column =
      there.find((candidate) => candidate.name === name) ??
      there.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    const cast = column === undefined ? undefined : castInPlace(ident(column.name), column.serverType, type);
    return cast === undefined ? [] : [{ cast, as }];
  });
  return casts.length === wanted.length ? casts : undefined;
}

async function createTable(session: Session, plan: RowPlan): Promise<void> {
  await session.run(
    `create temp table __typed (${list([
      ...plan.keys.map((key) => `${keyColumn(key)} ${sqlType(key.type)}`),
      `${EVENT_TIME} timestamp`,
      `${CREATED_TIME} timestamp`,
      `${ROW} bigint`,
      ...plan.features.map((feature) => `${featureColumn(plan.keys, feature)} ${sqlType(feature.dtype)}`),
    ])})`,
  );
}
