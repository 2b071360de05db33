/**
 * The point-in-time join. For each spine row (keys, t): the row with the greatest event time ≤ t among those with event
 * time ≥ t − ttl and, where asked, created time ≤ t; ties go to the greatest created time, then to the row ingested last.
 *
 * DuckDB's ASOF JOIN finds the greatest of one ordered column, so each set is first brought to one row per (keys, instant
 * from which it is the answer):
 * - without created times that instant is the event time, and the last of the rows that share it is kept;
 * - with them a row is seen from max(event time, created time) on, and the answer from then on is the best row seen so
 *   far: a running maximum over the rows' rank by (event time, created time, ingestion). No row is compared twice.
 * The lower end is tested afterwards: when the greatest event time is too old, so is every other.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { MlopsError } from '../../lib/error.ts';
import type { Column } from '../../spec/column.ts';
import type { JoinedFile, JoinedSet, JoinRequest, KeyColumn, SplitPlan } from '../offline.ts';
import { type Readable, withComputed } from './computed.ts';
import { type Engine, messageOf, type Session } from './engine.ts';
import { createViews, fileOf, writeTable } from './files.ts';
import {
  CREATED_TIME,
  EVENT_TIME,
  featureColumn,
  keyColumn,
  latestOfIdentitySql,
  ROW,
  SEQUENCE,
} from './part-columns.ts';
import { columnsOf } from './source-relation.ts';
import { castSql, ident, list, literal, subquery, tables } from './sql.ts';

export async function pointInTimeJoin(
  engine: Engine,
  root: string,
  request: JoinRequest,
  signal: AbortSignal,
): Promise<JoinedFile> {
  const path = join(await engine.scratch(), `${randomUUID()}.parquet`);
  return engine.job(signal, async (session) => {
    const spineColumns = await createSpine(session, root, request);
    const outputs = new Map<string, string>();
    for (const [index, set] of request.sets.entries()) {
      await createJoined(session, root, set, index);
      for (const { column } of set.output) outputs.set(column, `j${index}.${ident(column)}`);
    }
    const order = request.columns ?? [...outputs.keys()];
    const select = [
      ...spineColumns.map((column) => `s.${ident(column.name)}`),
      ...order.map((column) => `${outputs.get(column) ?? 'null'} as ${ident(column)}`),
      ...(request.split === null ? [] : [`p.__split`]),
    ];
    if (request.split !== null) await createSplit(session, request.split, spineColumns);
    const joins = [
      ...request.sets.map((_, index) => `join joined_${index} j${index} on j${index}.__n = k.__n`),
      ...(request.split === null ? [] : ['join split p on p.__n = k.__n']),
    ];
    await session.serially(() =>
      writeTable(
        session,
        `select ${list(select)} from spine s join instants k on k.__n = s.rowid ${joins.join(' ')} order by k.__n`,
        path,
      ),
    );
    const [counts] = await session.rows<{ rows: bigint; test: bigint }>(
      `select count(*) as rows, count(*) filter (${request.split === null ? 'false' : "__split = 'test'"}) as test from read_parquet(${literal(path)})`,
    );
    const rows = Number(counts?.rows ?? 0n);
    const testRows = Number(counts?.test ?? 0n);
    return { path, rows, testRows, trainRows: rows - testRows };
  });
}

/** `spine`: the query's rows as they came. `instants`: of each its position, its keys by type and its time. */
async function createSpine(session: Session, root: string, { spine, sets }: JoinRequest): Promise<readonly Column[]> {
  await createViews(session, root, spine.inputs);
  await session
    .serially(() => session.run(`create temp table spine as select * from ${subquery(spine.query)}`))
    .catch((error: unknown) => {
      throw new MlopsError('FS205', { detail: `DuckDB refuses the spine's query. ${messageOf(error)}`, cause: error });
    });
  const columns = await columnsOf(session, 'select * from spine');
  const keys = new Map(sets.flatMap((set) => set.keys.map((key) => [keyOf(key), key] as const)));
  const casts = [
    ...[...keys.values()].map((key) => ({ name: key.name, type: key.type, as: ident(keyOf(key)) })),
    { name: spine.time, type: 'timestamp' as const, as: '__t' },
  ].map(({ name, type, as }) => {
    const column =
      columns.find((candidate) => candidate.name === name) ??
      columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    if (column === undefined) {
      throw new MlopsError('FS205', {
        detail: `The spine has no column ${name}; it must yield the entity keys and the event time.`,
        hint: `it has: ${columns.map((candidate) => candidate.name).join(', ')}`,
      });
    }
    return { name, type, as, raw: ident(column.name), cast: castSql(ident(column.name), column.type, type) };
  });
  await session.run(
    `create temp table instants as select rowid as __n, ${list(casts.map(({ cast, as }) => `${cast} as ${as}`))} from spine`,
  );
  for (const { name, type, as, raw } of casts) {
    const [bad] = await session.rows<{ example: string }>(
      `select s.${raw}::varchar as example from spine s join instants k on k.__n = s.rowid where s.${raw} is not null and k.${as} is null limit 1`,
    );
    if (bad !== undefined) {
      throw new MlopsError('FS205', {
        detail: `The spine's column ${name} holds ${JSON.stringify(bad.example)}, which is no ${type}.`,
      });
    }
  }
  return columns;
}

/** Two sets may name a key alike and type it differently. */
function keyOf(key: KeyColumn): string {
  return `__key_${key.type}_${key.name}`;
}

/** `joined_<index>`: for each position of the spine the set's output columns. */
async function createJoined(session: Session, root: string, set: JoinedSet, index: number): Promise<void> {
  const stored = set.stored.map((feature, at) => ({ ...feature, value: `__value_${at}` }));
  const columns = new Map<string, Readable>(
    stored.map((feature) => [feature.name, { dtype: feature.dtype, column: feature.value }]),
  );
  // The engine's ASOF JOIN lets a null time match the last row.
  const young =
    set.ttlMicros === null ? 'true' : `a.${EVENT_TIME} >= k.__t - to_microseconds(${set.ttlMicros}::bigint)`;
  const valid = `k.__t is not null and a.__from is not null and ${young}`;
  const on = set.keys.map((key) => `k.${ident(keyOf(key))} = a.${keyColumn(key)}`).join(' and ');
  const paths = set.parts.map((location) => fileOf(root, location));
  const values = stored.map((feature) => `v.${featureColumn(set.keys, feature)} as ${feature.value}`);
  const relation =
    paths.length === 0
      ? `(select ${list(['k.__n', ...stored.map((feature) => `null as ${feature.value}`)])} from instants k)`
      : `(select ${list(['f.__n', ...values])} from (
            select k.__n, case when ${valid} then a.${SEQUENCE} end as s, case when ${valid} then a.${ROW} end as r
            from instants k asof left join (${answersSql(set, paths)}) a on ${on} and k.__t >= a.__from) f
          left join ${tables(paths)} v on v.${SEQUENCE} = f.s and v.${ROW} = f.r)`;
  const computed = await withComputed(session, relation, set.computed, columns);
  const output = set.output.map(
    ({ feature, column }) => `${columns.get(feature)?.column ?? 'null'} as ${ident(column)}`,
  );
  await session
    .run(`create temp table joined_${index} as select ${list(['__n', ...output])} from ${computed}`)
    .catch((error: unknown) => {
      if (error instanceof MlopsError) throw error;
      throw new MlopsError('FS205', {
        address: set.address,
        detail: `The join with ${set.address} failed. ${messageOf(error)}`,
        cause: error,
      });
    });
}

/** One id of a row per (keys, `__from`): from that instant on, until the next, it is the answer. */
function answersSql(set: JoinedSet, paths: readonly string[]): string {
  const keys = set.keys.map(keyColumn);
  const ids = list([...keys, EVENT_TIME, SEQUENCE, ROW]);
  if (!set.asKnownAtSpine) return latestOfIdentitySql(paths, [...keys, EVENT_TIME], `${ids}, ${EVENT_TIME} as __from`);
  const partition = `partition by ${list(keys)}`;
  const same = (left: string, right: string): string =>
    keys.map((key) => `${left}.${key} = ${right}.${key}`).join(' and ');
  return `with ranked as (
        select ${ids}, greatest(${EVENT_TIME}, ${CREATED_TIME}) as __seen,
               row_number() over (${partition} order by ${EVENT_TIME}, ${CREATED_TIME}, ${SEQUENCE}, ${ROW}) as __rank
        from ${tables(paths)} where ${CREATED_TIME} is not null),
      best as (
        select ${list(keys)}, __seen, max(__best) as __best from (
          select ${list(keys)}, __seen, max(__rank) over (${partition} order by __seen, __rank rows unbounded preceding) as __best from ranked)
        group by ${list([...keys, '__seen'])})
      select r.*, b.__seen as __from from best b join ranked r on ${same('b', 'r')} and r.__rank = b.__best`;
}

/** `split`: for each position train or test. The same rows and seed always fall the same way. */
async function createSplit(session: Session, split: SplitPlan, spine: readonly Column[]): Promise<void> {
  await session.run(
    `create temp table split as select rowid as __n, case when ${testRule(split, spine)} then 'test' else 'train' end as __split from spine`,
  );
}

function testRule(split: SplitPlan, spine: readonly Column[]): string {
  if (split.by === 'time') {
    // Rows of one instant stay together: the latest instants, of at most this share of rows.
    return `(select k.__t from instants k where k.__n = spine.rowid) > (select quantile_disc(__t, ${1 - split.test}) from instants)`;
  }
  const columns = split.by === 'entity' ? split.keys : spine.map((column) => column.name);
  const text = `to_json([${list(columns.map((column) => `${ident(column)}::varchar`))}])::varchar`;
  // The first 32 bits of the MD5 as a share of 2^32.
  return `('0x' || substr(md5(${literal(`${split.seed}:`)} || ${text}), 1, 8))::ubigint < ${Math.round(split.test * 2 ** 32)}::ubigint`;
}
