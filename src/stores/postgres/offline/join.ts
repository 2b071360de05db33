/**
 * The point-in-time join. The engine on this machine reads the spine and types its keys, as it does for every store; here each of its rows is
 * looked up in the index of each set, which holds the rows of a key in the order of the rule: the first one at or below the time is
 * the answer. What comes back is written by the engine here again.
 */
import { rm } from 'node:fs/promises';
import { MlopsError } from '../../../lib/error.ts';
import type { LocalTables, TextTable } from '../../local-tables.ts';
import type { JoinedFile, JoinedSet, JoinRequest, PartsAsking, Spine } from '../../offline-join.ts';
import { partsOf } from './parts.ts';
import { createViews, textHere } from './queries.ts';
import {
  CREATED_TIME,
  columnsOf,
  EVENT_TIME,
  engineTypeOf,
  featureColumn,
  ident,
  keyColumn,
  list,
  NEWEST_FIRST,
  sqlType,
  subquery,
  textOf,
  timestampOf,
  typeOfColumn,
} from './sql.ts';
import { writeRows } from './text-file.ts';
import { refusal, type Session, type Warehouse } from './warehouse.ts';

export async function pointInTimeJoin(
  warehouse: Warehouse,
  local: LocalTables,
  request: JoinRequest,
  signal: AbortSignal,
): Promise<JoinedFile> {
  const spine = 'file' in request.spine ? undefined : await exportSpine(warehouse, local, request.spine, signal);
  try {
    return await local.join(
      request,
      spine,
      (asking) =>
        // One look at the store: rows that are written meanwhile are not part of it.
        warehouse.job(signal, (session) =>
          session.transaction(() => answer(warehouse, local, session, request.sets, asking), 'repeatable'),
        ),
      signal,
    );
  } finally {
    if (spine !== undefined) await rm(spine.path, { force: true });
  }
}

async function exportSpine(
  warehouse: Warehouse,
  local: LocalTables,
  spine: Exclude<Spine, { file: unknown }>,
  signal: AbortSignal,
): Promise<TextTable> {
  return warehouse.job(signal, async (session) => {
    const relation =
      'query' in spine
        ? await queryRelation(warehouse, session, spine)
        : await partsRelation(warehouse, session, spine);
    try {
      const columns = await columnsOf(session, `select * from ${relation}`);
      const values = columns.map(({ name, serverType }) => textOf(ident(name), serverType));
      return await writeRows(session, local, `select ${list(values)} from ${relation}`, columns);
    } catch (error) {
      const message = refusal(error);
      if (message === undefined) throw error;
      throw new MlopsError('FS205', { detail: `Postgres refuses the spine's query. ${message}.`, cause: error });
    }
  });
}

async function queryRelation(
  warehouse: Warehouse,
  session: Session,
  spine: Extract<Spine, { query: unknown }>,
): Promise<string> {
  await createViews(warehouse, session, spine.inputs);
  return subquery(await textHere(spine.query), 'q');
}

/** Every key and event time once, in order of time and key. */
async function partsRelation(
  warehouse: Warehouse,
  session: Session,
  spine: PartsAsking & { readonly time: string },
): Promise<string> {
  const { parts, keys } = spine.of;
  const columns = keys.map(keyColumn);
  if (parts.length === 0) {
    const none = keys.map((key) => `null::${sqlType(key.type)} as ${keyColumn(key)}`);
    return `(select ${list([...none, `null::timestamp as ${ident(spine.time)}`])} limit 0) q`;
  }
  const { table, among } = await partsOf(warehouse, session, parts);
  const limits = [
    among('t'),
    ...(spine.start === null ? [] : [`${EVENT_TIME} >= ${timestampOf(spine.start)}`]),
    ...(spine.end === null ? [] : [`${EVENT_TIME} < ${timestampOf(spine.end)}`]),
  ];
  return `(select distinct ${list([...columns, `${EVENT_TIME} as ${ident(spine.time)}`])} from ${table} t where ${limits.join(' and ')}
    order by ${list([ident(spine.time), ...columns])}) q`;
}

/** The stored features of every set beside each position. */
async function answer(
  warehouse: Warehouse,
  local: LocalTables,
  session: Session,
  sets: readonly JoinedSet[],
  asking: TextTable,
): Promise<TextTable> {
  const names = new Map(asking.columns.map(({ name }, index) => [name, `a${index}`]));
  const column = (name: string): string => names.get(name) ?? 'null';
  const [position, time] = ['a0', `a${asking.columns.length - 1}`];
  await session.run(
    `create temp table __asking (${list(asking.columns.map((one, index) => `a${index} ${typeOfColumn(one)}`))}) on commit drop`,
  );
  await session.copyIn('__asking', asking.path);
  const values: { readonly select: string; readonly type: string }[] = [];
  const joins: string[] = [];
  for (const [index, set] of sets.entries()) {
    const features = set.stored.map((feature) => featureColumn(set.keys, feature));
    if (set.parts.length === 0) {
      for (const { dtype } of set.stored) values.push({ select: `null::${sqlType(dtype)}`, type: engineTypeOf(dtype) });
      continue;
    }
    const { table, among } = await partsOf(warehouse, session, set.parts).catch((error: unknown) => {
      if (!(error instanceof MlopsError)) throw error;
      throw new MlopsError('FS205', {
        address: set.address,
        detail: `The join with ${set.address} failed. ${error.detail}`,
        hint: error.hint,
        cause: error,
      });
    });
    const rule = [
      ...set.keys.map((key) => `t.${keyColumn(key)} = s.${column(`__key_${key.type}_${key.name}`)}`),
      `t.${EVENT_TIME} <= s.${time}`,
      ...(set.ttlMicros === null ? [] : [`t.${EVENT_TIME} >= s.${time} - ${interval(set.ttlMicros)}`]),
      ...(set.asKnownAtSpine ? [`t.${CREATED_TIME} <= s.${time}`] : []),
      among('t'),
    ];
    joins.push(
      `left join lateral (select ${list(features.length === 0 ? ['1'] : features)} from ${table} t where ${rule.join(' and ')}
        order by ${list(set.keys.map((key) => `t.${keyColumn(key)}`))}, t.${EVENT_TIME} desc, ${NEWEST_FIRST} limit 1) r${index} on true`,
    );
    for (const [at, { dtype }] of set.stored.entries())
      values.push({ select: textOf(`r${index}.${features[at] ?? ''}`, sqlType(dtype)), type: engineTypeOf(dtype) });
  }
  // The index gives each answer as its first entry, whatever the server's statistics of a table that just grew say.
  await session.run('set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off');
  // Asked in the order of time: rows lie about so, and each page is read once rather than once for each of its rows.
  const inOrder = `(select * from __asking order by ${time}) s`;
  const select = `select ${list([`s.${position}`, ...values.map(({ select: value }) => value)])} from ${inOrder} ${joins.join('\n')}`;
  return writeRows(session, local, select, [
    { name: 'position', type: 'BIGINT' },
    ...values.map(({ type }, index) => ({ name: `v${index}`, type })),
  ]);
}

function interval(micros: bigint): string {
  const day = 86_400_000_000n;
  return `(${micros / day} * interval '1 day' + ${micros % day} * interval '1 microsecond')`;
}
