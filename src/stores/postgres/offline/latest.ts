/** Rows on their way out one by one: of each key the one that counts now, which the point-in-time rule answers at `now`; or all of some parts. */
import { parseDtype } from '../../../spec/dtype.ts';
import type { Dtype, KeyType, ScalarDtype } from '../../../spec/schema-types.ts';
import type { KeyColumn, LatestRequest, LatestRow, RowPlan, RowsRequest } from '../../offline-rows.ts';
import { partsOf } from './parts.ts';
import {
  CREATED_TIME,
  EVENT_TIME,
  featureColumn,
  itemOf,
  keyColumn,
  list,
  literal,
  microsOf,
  NEWEST_FIRST,
  ROW,
  SEQUENCE,
  sqlType,
  timestampOf,
} from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

const BATCH_ROWS = 4096;

type Stored = Pick<RowPlan, 'keys' | 'features'>;

export async function* latestRows(
  warehouse: Warehouse,
  request: LatestRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  if (request.parts.length > 0)
    yield* fetched(warehouse, request.plan, signal, (session) => latestSql(warehouse, session, request));
}

/** Every row of some parts, in the order in which they were ingested. */
export async function* ingestedRows(
  warehouse: Warehouse,
  { plan, parts, after, before, keys: wanted }: RowsRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  if (parts.length === 0) return;
  const keyed = wanted === undefined ? '' : ` and ${amongSql(plan.keys, wanted)}`;
  yield* fetched(warehouse, plan, signal, async (session) => {
    const { table, among } = await partsOf(warehouse, session, parts);
    return `select ${rowSql(plan)} from ${table} t
      where ${among('t')} and ${SEQUENCE} > ${after} and ${SEQUENCE} < ${before}${keyed} order by t.${SEQUENCE}, t.${ROW}`;
  });
}

function amongSql(keys: readonly KeyColumn[], wanted: readonly (readonly string[])[]): string {
  const typed = keys.map(({ type }, at) => `(k.v ->> ${at})::${sqlType(type)}`);
  const rows = `select value as v from jsonb_array_elements(${literal(JSON.stringify(wanted))}::jsonb)`;
  return `(${list(keys.map((key) => `t.${keyColumn(key)}`))}) in (select ${list(typed)} from (${rows}) k)`;
}

/** In batches, from a cursor on a connection of its own. */
async function* fetched(
  warehouse: Warehouse,
  { keys, features }: Stored,
  signal: AbortSignal,
  selectOf: (session: Session) => Promise<string>,
): AsyncGenerator<readonly LatestRow[]> {
  const types = [...keys.map(({ type }) => type), ...features.map(({ dtype }) => dtype)];
  const held = await warehouse.hold();
  try {
    await held.on(signal, async (session) => {
      await session.run('begin isolation level repeatable read read only');
      await session.run(`declare rows_wanted no scroll cursor for ${await selectOf(session)}`);
    });
    for (;;) {
      const rows = await held.on(signal, (session) =>
        session.query<Record<string, string | null>>(`fetch ${BATCH_ROWS} from rows_wanted`),
      );
      if (rows.length === 0) return;
      yield rows.map((row) => {
        const values = types.map((type, index) => readAs(row[`c${index}`] ?? null, type));
        return {
          eventTime: BigInt(row['event'] ?? 0),
          createdTime: row['created'] == null ? null : BigInt(row['created']),
          sequence: Number(row['sequence']),
          key: values.slice(0, keys.length),
          values: Object.fromEntries(features.map(({ name }, index) => [name, values[keys.length + index]])),
        };
      });
    }
  } finally {
    await held.close();
  }
}

function rowSql({ keys, features }: Stored): string {
  const columns = [
    ...keys.map((key) => valueText(keyColumn(key), key.type)),
    ...features.map((feature) => valueText(featureColumn(keys, feature), feature.dtype)),
  ].map((column, index) => `${column} as c${index}`);
  return `${microsOf(EVENT_TIME)}::text as event, ${microsOf(CREATED_TIME)}::text as created, ${SEQUENCE}::text as sequence, ${list(columns)}`;
}

async function latestSql(warehouse: Warehouse, session: Session, request: LatestRequest): Promise<string> {
  const { keys, createdTime } = request.plan;
  const { table, among } = await partsOf(warehouse, session, request.parts);
  const known = createdTime !== null && !request.asKnownNow;
  // greatest() passes over nulls: a row without a created time must be left out by name.
  const visible = known ? `greatest(${EVENT_TIME}, ${CREATED_TIME})` : EVENT_TIME;
  const wanted = [
    `${SEQUENCE} > ${request.sequence}`,
    ...(request.after === null ? [] : [`${visible} > ${timestampOf(request.after)}`]),
    ...(request.again === null ? [] : [`${EVENT_TIME} >= ${timestampOf(request.again)}`]),
  ];
  const by = keys.map(keyColumn);
  return `select distinct on (${list(by)}) ${rowSql(request.plan)}
    from ${table} t where ${among('t')} and ${visible} <= ${timestampOf(request.now)} and (${wanted.join(' or ')})${known ? ` and ${CREATED_TIME} is not null` : ''}
    order by ${list(by)}, ${EVENT_TIME} desc, ${NEWEST_FIRST}`;
}

/** As text: the driver's own reading of types loses digits. A list is JSON of such texts. */
function valueText(column: string, type: Dtype | KeyType): string {
  const { item, isList } = itemOf(type);
  if (!isList) return scalarText(column, item);
  const items = `select coalesce(json_agg(${scalarText('u.x', item)} order by u.o), '[]') from unnest(${column}) with ordinality u (x, o)`;
  return `case when ${column} is not null then (${items})::text end`;
}

function scalarText(column: string, type: ScalarDtype): string {
  switch (type) {
    case 'timestamp':
      return `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
    case 'bytes':
      return `translate(encode(${column}, 'base64'), E'\\n', '')`;
    case 'float32':
      return `${column}::double precision::text`;
    default:
      return `${column}::text`;
  }
}

function readAs(text: string | null, type: Dtype | KeyType): unknown {
  if (text === null) return null;
  const { item, isList } = itemOf(type);
  if (!isList) return readScalar(text, item);
  const items = (JSON.parse(text) as (string | null)[]).map((one) => (one === null ? null : readScalar(one, item)));
  return parseDtype(type).kind === 'vector' ? Float32Array.from(items as readonly number[]) : items;
}

function readScalar(text: string, type: ScalarDtype): unknown {
  switch (type) {
    case 'bool':
      return text === 'true';
    case 'int32':
    case 'float32':
    case 'float64':
      return Number(text);
    case 'int64': {
      const number = Number(text);
      return Number.isSafeInteger(number) ? number : BigInt(text);
    }
    default:
      return text;
  }
}
