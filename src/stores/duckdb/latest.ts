/** The row of each key that counts now, for the online store: what the point-in-time rule answers at `now`. */
import type { KeyColumn, LatestRequest, LatestRow } from '../offline-rows.ts';
import type { Engine } from './engine.ts';
import { fileOf } from './files.ts';
import { CREATED_TIME, EVENT_TIME, keyColumn, newestFirst, SEQUENCE } from './part-columns.ts';
import { list, tables, timestampOf } from './sql.ts';
import { storedColumns, storedRows } from './stored-rows.ts';

export async function* latestRows(
  engine: Engine,
  root: string,
  request: LatestRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  if (request.parts.length === 0) return;
  const connection = await engine.connect();
  try {
    await engine.on(connection, signal, (session) =>
      session.run(`create temp table latest as ${latestSql(root, request)}`),
    );
    if (request.counted !== undefined) {
      const [counted] = await engine.on(connection, signal, (session) =>
        session.rows<{ rows: bigint }>('select count(*) as rows from latest'),
      );
      request.counted(Number(counted?.rows ?? 0n));
    }
    yield* storedRows(engine, connection, 'latest', request.plan, signal);
  } finally {
    engine.disconnect(connection);
  }
}

function latestSql(root: string, request: LatestRequest): string {
  const { keys, createdTime } = request.plan;
  const known = createdTime !== null && !request.asKnownNow;
  // greatest() passes over nulls: a row without a created time must be left out by name.
  const visible = known ? `greatest(${EVENT_TIME}, ${CREATED_TIME})` : EVENT_TIME;
  const wanted = [
    `${SEQUENCE} > ${request.sequence}`,
    ...(request.after === null ? [] : [`${visible} > ${timestampOf(request.after)}`]),
    ...(request.again === null ? [] : [`${EVENT_TIME} >= ${timestampOf(request.again)}`]),
  ];
  return `select ${storedColumns(request.plan)} from ${tables(request.parts.map((location) => fileOf(root, location)))}
    where ${visible} <= ${timestampOf(request.now)} and (${wanted.join(' or ')})${known ? ` and ${CREATED_TIME} is not null` : ''}
    qualify row_number() over (partition by ${list(keys.map(keyColumn))} order by ${EVENT_TIME} desc, ${newestFirst()}) = 1
    order by ${list(keys.flatMap(keyOrder))}`;
}

/** As the encoded keys order (`features/entity-key.ts`), where a text stands after its length: what is written together then lies together. */
function keyOrder(key: KeyColumn): readonly string[] {
  const column = keyColumn(key);
  return key.type === 'string' ? [`strlen(${column})`, column] : [column];
}
