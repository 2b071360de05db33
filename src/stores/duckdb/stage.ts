/**
 * What a materialization has to write: of the rows computed now, the last of each (keys, event time, created time) that
 * differs from the last stored one. Rows that were written before are found equal and left out, so that an interrupted
 * run goes on where it was, late rows are found however late they are, and a correction is appended and wins by order.
 */

import { randomUUID } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import { MlopsError } from '../../lib/error.ts';
import type { PushedRow, RejectedRow, RowPlan, StagedRows, WrittenPart } from '../offline-rows.ts';
import { PUSHED_BEFORE, pushedTexts } from '../pushed-texts.ts';
import { checkStaged, rejectedRows } from './check.ts';
import type { Engine, Session } from './engine.ts';
import { fileOf, writeTable } from './files.ts';
import {
  CREATED_TIME,
  EVENT_TIME,
  featureColumn,
  keyColumn,
  latestOfIdentitySql,
  ROW,
  SEQUENCE,
  sameValues,
} from './part-columns.ts';
import { textOf } from './plain-value.ts';
import { castSql, list, literal, sqlType } from './sql.ts';
import { createTypedRows } from './typed-rows.ts';

const REJECTED_AT_ONCE = 5_000;

export async function stageRows(
  engine: Engine,
  root: string,
  plan: RowPlan,
  existing: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<StagedRows> {
  const connection = await engine.connect();
  const pathOf = (location: string): string => fileOf(root, location);
  const keys = plan.keys.map(keyColumn);
  const features = plan.features.map((feature) => featureColumn(plan.keys, feature));
  const columns = [...keys, EVENT_TIME, CREATED_TIME, ...features];
  try {
    return await engine.on(connection, signal, async (session) => {
      const rowsRead = await createTypedRows(session, root, plan, '__typed');
      if (plan.createdTime === null) await session.run(`alter table __typed add column ${CREATED_TIME} timestamp`);
      await session.run(`create temp table __earlier as ${earlierSql(keys, features)}`);
      await session.run(stagingSql(keys, features, existing.map(pathOf), await timesOf(session)));
      const [counts] = await session.rows<{ rows: bigint; usable: bigint; earlier: bigint; newest: bigint | null }>(
        `select (select count(*) from __staged) as rows, (select count(*) from __earlier) as earlier, count(*) as usable, epoch_us(max(${EVENT_TIME})) as newest from __typed where ${usable(keys)}`,
      );
      const differing = Number(counts?.rows ?? 0n);
      const { failures, rejected, rejectedOfStaged } = await checkStaged(
        session,
        plan,
        differing,
        'select r from __earlier',
      );
      await session.run('drop table __typed');
      return {
        rowsRead,
        rows: differing - rejectedOfStaged,
        rowsSkipped: rowsRead - Number(counts?.usable ?? 0n),
        duplicates: Number(counts?.earlier ?? 0n),
        newestEventTime: counts?.newest ?? null,
        failures,
        rejected,
        rejectedRows: (rejectedSignal) => inBatches(engine, connection, plan, rejected, rejectedSignal),
        write: (range, chunkSignal) =>
          engine.on(connection, chunkSignal, (chunk) =>
            writePart(
              chunk,
              root,
              folder,
              `select ${list(columns)}, ${range.sequence}::bigint as ${SEQUENCE}, rowid as ${ROW} from __staged where rowid >= ${range.from} and rowid < ${range.to} order by rowid`,
            ),
          ),
        discard: () => engine.on(connection, undefined, async () => engine.disconnect(connection)),
      };
    });
  } catch (error) {
    engine.disconnect(connection);
    throw error;
  }
}

function usable(keys: readonly string[]): string {
  return [...keys, EVENT_TIME].map((column) => `${column} is not null`).join(' and ');
}

/** Stored rows of other times need not be compared with; the engine passes over the row groups that hold none else. */
async function timesOf(session: Session): Promise<string> {
  const [range] = await session.rows<{ first: string | null; last: string | null }>(
    `select min(${EVENT_TIME})::varchar as first, max(${EVENT_TIME})::varchar as last from __typed`,
  );
  if (range?.first == null || range.last === null) return 'false';
  return `${EVENT_TIME} between timestamp '${range.first}' and timestamp '${range.last}'`;
}

async function* inBatches(
  engine: Engine,
  connection: DuckDBConnection,
  plan: RowPlan,
  rejected: number,
  signal: AbortSignal,
): AsyncIterable<readonly RejectedRow[]> {
  for (let from = 0; from < rejected; from += REJECTED_AT_ONCE)
    yield await engine.on(connection, signal, (session) => rejectedRows(session, plan, from, REJECTED_AT_ONCE));
}

/**
 * Ids of the rows that a later one of the same identity replaces. Windows run over few columns only, and the wide rows are looked
 * up by their ids: that is what keeps memory bounded.
 */
function earlierSql(keys: readonly string[], features: readonly string[]): string {
  const identity = [...keys, EVENT_TIME, CREATED_TIME];
  // A query has no order of its own: of two rows of one identity the one with the greater hash wins, always the same.
  const last = [`${ROW} desc`, ...(features.length === 0 ? [] : [`hash(${list(features)}) desc`])];
  return `select r from (select rowid as r, row_number() over (partition by ${list(identity)} order by ${list(last)}) as n from __typed where ${usable(keys)}) where n > 1`;
}

function stagingSql(
  keys: readonly string[],
  features: readonly string[],
  existing: readonly string[],
  within: string,
): string {
  const identity = [...keys, EVENT_TIME, CREATED_TIME];
  const order = [EVENT_TIME, `${CREATED_TIME} nulls first`, ...keys];
  const candidates = `select * from __typed where ${usable(keys)} and rowid not in (select r from __earlier)`;
  if (existing.length === 0) {
    return `create temp table __staged as select * exclude (__misfit, __example) from (${candidates}) order by ${list(order)}`;
  }
  const differ = features.length === 0 ? 'false' : `not (${sameValues('c', 'stored', features)})`;
  return `create temp table __staged as
    with stored as (${latestOfIdentitySql(existing, identity, within)})
    select c.* exclude (__misfit, __example) from (${candidates}) c left join stored on ${sameValues('c', 'stored', identity)}
    where stored.${SEQUENCE} is null or ${differ} order by ${list(order.map((column) => `c.${column}`))}`;
}

export async function writePushedRows(
  engine: Engine,
  root: string,
  plan: RowPlan,
  rows: readonly PushedRow[],
  folder: string,
  signal: AbortSignal,
): Promise<WrittenPart> {
  const fields = [
    ...plan.keys.map((key) => ({ column: keyColumn(key), type: key.type })),
    ...plan.features.map((feature) => ({ column: featureColumn(plan.keys, feature), type: feature.dtype })),
  ];
  const texts = pushedTexts(plan, rows, textOf);
  const columns = fields.map((field, index) => {
    const value = castSql(`r[${index + PUSHED_BEFORE + 1}]`, 'VARCHAR', field.type, 'value');
    return `(${value})::${sqlType(field.type)} as ${field.column}`;
  });
  return engine.job(signal, (session) =>
    writePart(
      session,
      root,
      folder,
      `select ${list(columns)}, make_timestamp(r[2]::bigint) as ${EVENT_TIME}, make_timestamp(r[3]::bigint) as ${CREATED_TIME}, r[1]::bigint as ${SEQUENCE}, 0::bigint as ${ROW}
       from (select unnest(from_json(${literal(JSON.stringify(texts))}, '[["VARCHAR"]]')) as r) order by r[1]::bigint`,
    ),
  );
}

async function writePart(session: Session, root: string, folder: string, select: string): Promise<WrittenPart> {
  const location = `${folder}/${randomUUID()}.parquet`;
  const path = fileOf(root, location);
  const bytes = await writeTable(session, select, path);
  const [summary] = await session.rows<{
    rows: bigint;
    first: bigint | null;
    event: bigint | null;
    visible: bigint | null;
  }>(
    `select count(*) as rows, epoch_us(min(${EVENT_TIME})) as first, epoch_us(max(${EVENT_TIME})) as event, epoch_us(max(greatest(${EVENT_TIME}, ${CREATED_TIME}))) as visible from read_parquet(${literal(path)})`,
  );
  if (summary === undefined || summary.first === null || summary.event === null || summary.visible === null) {
    throw new MlopsError('FS204', { detail: `The part ${location} was written without rows.` });
  }
  return {
    location,
    rows: Number(summary.rows),
    bytes,
    minEventTime: summary.first,
    maxEventTime: summary.event,
    maxVisibleTime: summary.visible,
  };
}
