/** The row of each key that counts now, for the online store: what the point-in-time rule answers at `now`. */
import type { LatestRequest, LatestRow } from '../offline.ts';
import type { Engine } from './engine.ts';
import { fileOf } from './files.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, newestFirst, SEQUENCE } from './part-columns.ts';
import { plainScalar, plainValue } from './plain-value.ts';
import { list, tables, timestampOf, valueSql } from './sql.ts';

const BATCH_ROWS = 4096;

export async function* latestRows(
  engine: Engine,
  root: string,
  request: LatestRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly LatestRow[]> {
  if (request.parts.length === 0) return;
  const { keys, features } = request.plan;
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
    for (let from = 0; ; from += BATCH_ROWS) {
      const rows = await engine.on(connection, signal, async (session) => {
        const reader = await session.connection.runAndReadAll(
          `select * from latest where rowid >= ${from} and rowid < ${from + BATCH_ROWS} order by rowid`,
        );
        return reader.getRows();
      });
      if (rows.length === 0) return;
      yield rows.map((row) => ({
        eventTime: row[0] as bigint,
        createdTime: row[1] as bigint | null,
        sequence: Number(row[2]),
        key: row.slice(3, 3 + keys.length).map(plainScalar),
        values: Object.fromEntries(
          features.map((feature, index) => [feature.name, plainValue(row[3 + keys.length + index], feature.dtype)]),
        ),
      }));
    }
  } finally {
    engine.disconnect(connection);
  }
}

function latestSql(root: string, request: LatestRequest): string {
  const { keys, features, createdTime } = request.plan;
  const known = createdTime !== null && !request.asKnownNow;
  // greatest() passes over nulls: a row without a created time must be left out by name.
  const visible = known ? `greatest(${EVENT_TIME}, ${CREATED_TIME})` : EVENT_TIME;
  const wanted = [
    `${SEQUENCE} > ${request.sequence}`,
    ...(request.after === null ? [] : [`${visible} > ${timestampOf(request.after)}`]),
    ...(request.again === null ? [] : [`${EVENT_TIME} >= ${timestampOf(request.again)}`]),
  ];
  const columns = [
    `epoch_us(${EVENT_TIME})`,
    `epoch_us(${CREATED_TIME})`,
    SEQUENCE,
    ...keys.map((key) => valueSql(keyColumn(key), key.type)),
    ...features.map((feature) => valueSql(featureColumn(keys, feature), feature.dtype)),
  ].map((column, index) => `${column} as c${index}`);
  return `select ${list(columns)} from ${tables(request.parts.map((location) => fileOf(root, location)))}
    where ${visible} <= ${timestampOf(request.now)} and (${wanted.join(' or ')})${known ? ` and ${CREATED_TIME} is not null` : ''}
    qualify row_number() over (partition by ${list(keys.map(keyColumn))} order by ${EVENT_TIME} desc, ${newestFirst()}) = 1`;
}
