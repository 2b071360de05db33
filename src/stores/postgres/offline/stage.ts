/**
 * What a materialization has to write: of the rows computed now, the last of each (keys, event time, created time) that
 * differs from the last stored one. Held in temporary tables of one session, so that nothing is left of a process that dies.
 */

import { randomUUID } from 'node:crypto';
import type { Dtype, KeyType, ScalarDtype } from '../../../spec/schema-types.ts';
import type { LocalTables } from '../../local-tables.ts';
import type { PushedRow, RowPlan, StagedRows, WrittenPart } from '../../offline-rows.ts';
import { PUSHED_BEFORE, pushedTexts } from '../../pushed-texts.ts';
import { judgeStaged } from './judge.ts';
import { addPart, ensureSetTable, partsOf, tableName } from './parts.ts';
import {
  CREATED_TIME,
  EVENT_TIME,
  featureColumn,
  itemOf,
  keyColumn,
  list,
  literal,
  microsOf,
  PART,
  ROW,
  SEQUENCE,
  sameValues,
  sqlType,
} from './sql.ts';
import { createTypedRows } from './typed-rows.ts';
import type { Session, Warehouse } from './warehouse.ts';

export async function stageRows(
  warehouse: Warehouse,
  local: LocalTables,
  plan: RowPlan,
  existing: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<StagedRows> {
  const held = await warehouse.hold();
  try {
    return await held.on(signal, async (session) => {
      const rowsRead = await createTypedRows(warehouse, local, session, plan, signal);
      const counts = await createStaged(warehouse, session, plan, existing);
      const judged = await judgeStaged(local, session, plan, counts.staged, signal);
      return {
        rowsRead,
        rows: judged.kept,
        rowsSkipped: rowsRead - counts.usable,
        duplicates: counts.duplicates,
        newestEventTime: counts.newest,
        failures: judged.failures,
        rejected: judged.rejected,
        rejectedRows: judged.rejectedRows,
        write: ({ from, to, sequence }, chunkSignal) =>
          held.on(chunkSignal, (chunk) =>
            writePart(warehouse, chunk, plan, folder, {
              rows: `(select * from __staged where __n >= ${from} and __n < ${to}) s`,
              sequence: `${sequence}::bigint`,
              row: '__n',
            }),
          ),
        discard: async () => {
          await judged.discard();
          await held.close();
        },
      };
    });
  } catch (error) {
    await held.close();
    throw error;
  }
}

/** From `__typed`: `__staged`, numbered from 0 in order of event time. */
async function createStaged(
  warehouse: Warehouse,
  session: Session,
  plan: RowPlan,
  existing: readonly string[],
): Promise<{
  readonly staged: number;
  readonly usable: number;
  readonly duplicates: number;
  readonly newest: bigint | null;
}> {
  const keys = plan.keys.map(keyColumn);
  const features = plan.features.map((feature) => featureColumn(plan.keys, feature));
  const identity = [...keys, EVENT_TIME, CREATED_TIME];
  const columns = [...identity, ...features];
  const usable = [...keys, EVENT_TIME].map((column) => `${column} is not null`).join(' and ');
  const [counted] = await session.query<{ usable: number; newest: string | null }>(
    `select count(*) as usable, ${microsOf(`max(${EVENT_TIME})`)}::text as newest from __typed where ${usable}`,
  );
  // A query has no order of its own: of two rows of one identity always the same one wins.
  const content = features.length === 0 ? [] : [`md5(row(${list(features)})::text) desc`];
  const last = 'query' in plan.from ? content : [`${ROW} desc`];
  await session.run(
    `create temp table __candidates as select distinct on (${list(identity)}) row_number() over () as __id, ctid as __at, ${list([...identity, ...features])}
     from __typed where ${usable} order by ${list([...identity, ...last])};
     ${plan.checks?.rejectDuplicates === true ? earlierSql(columns, usable) : ''}
     drop table __typed; analyze __candidates`,
  );
  const [candidates] = await session.query<{ rows: number }>('select count(*) as rows from __candidates');
  const order = [EVENT_TIME, `${CREATED_TIME} nulls first`, ...keys];
  let fresh = `select ${list(columns)} from __candidates`;
  if (existing.length > 0) {
    const { table, among } = await partsOf(warehouse, session, existing);
    const at = [...keys, EVENT_TIME].map((column) => `t.${column} = c.${column}`).join(' and ');
    const stored = `select distinct on (c.__id) c.__id, ${list(features.map((column) => `t.${column}`).concat(`t.${SEQUENCE}`))}
      from __candidates c join ${table} t on ${at} and t.${CREATED_TIME} is not distinct from c.${CREATED_TIME} and ${among('t')}
      order by c.__id, t.${SEQUENCE} desc, t.${ROW} desc`;
    const same = features.length === 0 ? 'true' : sameValues('c', 'stored', features);
    fresh = `select ${list(columns.map((column) => `c.${column}`))} from __candidates c left join (${stored}) stored on stored.__id = c.__id
      where stored.${SEQUENCE} is null or not (${same})`;
  }
  await session.run(
    `create temp table __staged as select row_number() over (order by ${list(order)}) - 1 as __n, f.* from (${fresh}) f;
     drop table __candidates; create index on __staged (__n); analyze __staged`,
  );
  const [staged] = await session.query<{ rows: number }>('select count(*) as rows from __staged');
  const all = Number(counted?.usable ?? 0);
  return {
    staged: Number(staged?.rows ?? 0),
    usable: all,
    duplicates: all - Number(candidates?.rows ?? 0),
    newest: counted?.newest == null ? null : BigInt(counted.newest),
  };
}

/** The rows that lost to a later one of their identity. */
function earlierSql(columns: readonly string[], usable: string): string {
  return `create temp table __earlier as select row_number() over () - 1 as __n, ${list(columns)} from __typed
    where ${usable} and not exists (select from __candidates c where c.__at = __typed.ctid);`;
}

export async function writePushedRows(
  warehouse: Warehouse,
  plan: RowPlan,
  rows: readonly PushedRow[],
  folder: string,
  signal: AbortSignal,
): Promise<WrittenPart> {
  const fields = [
    ...plan.keys.map((key) => ({ as: keyColumn(key), type: key.type })),
    ...plan.features.map((feature) => ({ as: featureColumn(plan.keys, feature), type: feature.dtype })),
  ];
  const texts = pushedTexts(plan, rows, textsOf);
  const time = (index: number): string =>
    `timestamp '1970-01-01' + (r ->> ${index})::bigint / 86400000000 * interval '1 day' + (r ->> ${index})::bigint % 86400000000 * interval '1 microsecond'`;
  const columns = [
    `(r ->> 0)::bigint as ${SEQUENCE}`,
    `${time(1)} as ${EVENT_TIME}`,
    `${time(2)} as ${CREATED_TIME}`,
    ...fields.map((field, index) => `${valueAt(index + PUSHED_BEFORE, field.type)} as ${field.as}`),
  ];
  return warehouse.job(signal, (session) =>
    writePart(warehouse, session, plan, folder, {
      rows: `(select ${list(columns)} from json_array_elements(${literal(JSON.stringify(texts))}::json) r) s`,
      sequence: SEQUENCE,
      row: '0::bigint',
    }),
  );
}

/** A text, or a list of texts, of the JSON array `r` at `index`. They come as clients send them and were checked: each is one of its type. */
function valueAt(index: number, type: Dtype | KeyType): string {
  const { item, isList } = itemOf(type);
  if (!isList) return castText(`(r ->> ${index})`, item);
  const items = `select coalesce(array_agg(${castText("(e.x #>> '{}')", item)} order by e.o), '{}') from json_array_elements(r -> ${index}) with ordinality e (x, o)`;
  return `case when json_typeof(r -> ${index}) = 'array' then (${items}) end`;
}

function castText(text: string, type: ScalarDtype): string {
  if (type === 'bytes') return `decode(${text}, 'base64')`;
  if (type === 'timestamp') return `(${text}::timestamptz at time zone 'UTC')`;
  return `${text}::${sqlType(type)}`;
}

function textsOf(value: unknown): string | readonly (string | null)[] {
  if (Array.isArray(value) || value instanceof Float32Array)
    return Array.from(value as Iterable<unknown>, (item) => (item === null ? null : String(item)));
  return String(value);
}

/** Rows and their entry in the list of parts, in one transaction. */
async function writePart(
  warehouse: Warehouse,
  session: Session,
  plan: RowPlan,
  folder: string,
  { rows, sequence, row }: { readonly rows: string; readonly sequence: string; readonly row: string },
): Promise<WrittenPart> {
  const location = `${folder}/${randomUUID()}`;
  const columns = [
    ...plan.keys.map(keyColumn),
    EVENT_TIME,
    CREATED_TIME,
    ...plan.features.map((feature) => featureColumn(plan.keys, feature)),
  ];
  return session.transaction(async () => {
    const table = await ensureSetTable(warehouse, session, plan, folder);
    const id = await addPart(warehouse, session, { location, table: tableName(folder), rows: 0, bytes: 0 });
    const written = `insert into ${table} (${list([PART, SEQUENCE, ROW, ...columns])}) select ${list([id, sequence, row, ...columns])} from ${rows} order by ${sequence}, ${row} returning *`;
    const [found] = await session.query<Record<'rows' | 'bytes' | 'first' | 'event' | 'visible', string>>(
      `with written as (${written}) select count(*)::text as rows, coalesce(sum(pg_column_size(w.*)), 0)::text as bytes,
         ${microsOf(`min(${EVENT_TIME})`)}::text as first, ${microsOf(`max(${EVENT_TIME})`)}::text as event,
         ${microsOf(`max(greatest(${EVENT_TIME}, ${CREATED_TIME}))`)}::text as visible from written w`,
    );
    const [count, bytes] = [Number(found?.rows ?? 0), Number(found?.bytes ?? 0)];
    await session.query(`update ${warehouse.schema}.parts set rows = $2, bytes = $3 where id = $1`, [id, count, bytes]);
    return {
      location,
      rows: count,
      bytes,
      minEventTime: BigInt(found?.first ?? 0),
      maxEventTime: BigInt(found?.event ?? 0),
      maxVisibleTime: BigInt(found?.visible ?? 0),
    };
  });
}
