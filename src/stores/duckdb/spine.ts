/** The spine of a join as tables: its rows as they came, their keys by type and their times, and the side of a split that each falls on. */
import { MlopsError } from '../../lib/error.ts';
import type { Column } from '../../spec/column.ts';
import type { JoinRequest, Spine, SplitPlan } from '../offline-join.ts';
import type { KeyColumn } from '../offline-rows.ts';
import { messageOf, type Session } from './engine.ts';
import { fileOf } from './files.ts';
import { EVENT_TIME, keyColumn } from './part-columns.ts';
import { columnsOf, sourceFile, sourceSelect } from './source-relation.ts';
import { castSql, ident, list, literal, sqlType, subquery, tables, timestampOf } from './sql.ts';
import { createViews } from './views.ts';

/** Two sets may name a key alike and type it differently. */
export function spineKey(key: KeyColumn): string {
  return ident(`__key_${key.type}_${key.name}`);
}

/** `__spine`: its rows as they came, which `rows` selects. `__instants`: of each its position `__n`, its keys by type and its time `__t`. */
export async function createSpine(
  session: Session,
  root: string,
  { spine, sets }: Pick<JoinRequest, 'spine' | 'sets'>,
  rows: Promise<string> = relationOf(session, root, spine),
): Promise<readonly Column[]> {
  await rows
    .then((select) => session.serially(() => session.run(`create temp table __spine as ${select}`)))
    .catch((error: unknown) => {
      const detail = 'query' in spine ? "DuckDB refuses the spine's query." : 'The spine cannot be read.';
      throw new MlopsError('FS205', { detail: `${detail} ${messageOf(error)}`, cause: error });
    });
  const columns = await columnsOf(session, 'select * from __spine');
  const keys = new Map(sets.flatMap((set) => set.keys.map((key) => [spineKey(key), key] as const)));
  const casts = [
    ...[...keys].map(([as, key]) => ({ name: key.name, type: key.type, as })),
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
    const raw = ident(column.name);
    return { name, type, as, raw, from: column.type, cast: castSql(raw, column.type, type) };
  });
  for (const { name, type, raw, from, cast } of casts) {
    if (from.toLowerCase() === sqlType(type)) continue;
    const [bad] = await session.rows<{ example: string }>(
      `select ${raw}::varchar as example from __spine where ${raw} is not null and (${cast}) is null limit 1`,
    );
    if (bad !== undefined) {
      throw new MlopsError('FS205', {
        detail: `The spine's column ${name} holds ${JSON.stringify(bad.example)}, which is no ${type}.`,
      });
    }
  }
  await session.run(
    `create temp table __instants as select rowid as __n, ${list(casts.map(({ cast, as }) => `${cast} as ${as}`))} from __spine`,
  );
  return columns;
}

async function relationOf(session: Session, root: string, spine: Spine): Promise<string> {
  if ('query' in spine) {
    await createViews(session, root, spine.inputs);
    return `select * from ${subquery(spine.query)}`;
  }
  if ('file' in spine) return sourceSelect(session, spine.file, await sourceFile(spine.file, spine.root));
  const keys = spine.of.keys.map(keyColumn);
  const limits = [
    ...(spine.start === null ? [] : [`${EVENT_TIME} >= ${timestampOf(spine.start)}`]),
    ...(spine.end === null ? [] : [`${EVENT_TIME} < ${timestampOf(spine.end)}`]),
  ];
  if (spine.of.parts.length === 0) {
    const none = spine.of.keys.map((key) => `null::${sqlType(key.type)} as ${keyColumn(key)}`);
    return `select ${list([...none, `null::timestamp as ${ident(spine.time)}`])} limit 0`;
  }
  return `select distinct ${list([...keys, `${EVENT_TIME} as ${ident(spine.time)}`])} from ${tables(spine.of.parts.map((location) => fileOf(root, location)))}
    ${limits.length === 0 ? '' : `where ${limits.join(' and ')}`} order by ${list([ident(spine.time), ...keys])}`;
}

/** `__split_sides`: for each position train or test. The same rows and seed always fall the same way. */
export async function createSplit(session: Session, split: SplitPlan, spine: readonly Column[]): Promise<void> {
  await session.run(
    `create temp table __split_sides as select rowid as __n, case when ${testRule(split, spine)} then 'test' else 'train' end as __split from __spine`,
  );
}

function testRule(split: SplitPlan, spine: readonly Column[]): string {
  if (split.by === 'time') {
    // Rows of one instant stay together: the latest instants, of at most this share of rows.
    return `(select k.__t from __instants k where k.__n = __spine.rowid) > (select quantile_disc(__t, ${1 - split.test}) from __instants)`;
  }
  const columns = split.by === 'entity' ? split.keys : spine.map((column) => column.name);
  const text = `to_json([${list(columns.map((column) => `${ident(column)}::varchar`))}])::varchar`;
  // The first 32 bits of the MD5 as a share of 2^32.
  return `('0x' || substr(md5(${literal(`${split.seed}:`)} || ${text}), 1, 8))::ubigint < ${Math.round(split.test * 2 ** 32)}::ubigint`;
}
