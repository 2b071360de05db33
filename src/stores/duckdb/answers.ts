/**
 * One set's part of a point-in-time join, as two tables. `__hits_I`: for each position of the spine the link to its row, null
 * where nothing qualifies. `__rows_I`: the wide rows that are linked to, each once. Wide rows are read once and only those that
 * count are kept, so that the sort that the join takes sees few narrow columns.
 *
 * DuckDB's ASOF JOIN finds the greatest of one ordered column:
 * - Without created times, and where every row was known by its event time, that column is the event time. The link is keys
 *   and event time; of rows that share them the last is kept afterwards, among those that are linked to.
 * - Where rows were known later than they happened, a row is seen from max(event time, created time) on. In that order, and
 *   by rank within one instant, a row is an answer if no row before it has a greater event time: one running maximum. The
 *   link is the row's id.
 * The lower end is tested afterwards: when the greatest event time is too old, so is every other.
 */
import type { JoinedSet } from '../offline-join.ts';
import type { Session } from './engine.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, newestFirst, ROW, SEQUENCE } from './part-columns.ts';
import { spineKey } from './spine.ts';
import { list, tables } from './sql.ts';

/** Below this share of the rows, the spine's keys are looked up before anything is sorted. */
const FEW = 1 / 20;

/** The join that follows `from __spine s`, and the quoted columns of the set's stored features, in their order. */
export interface Answers {
  readonly join: string;
  readonly values: readonly string[];
}

export async function createAnswers(
  session: Session,
  set: JoinedSet,
  index: number,
  paths: readonly string[],
  spine: { readonly rows: number },
): Promise<Answers> {
  const [hits, rows] = [`__hits_${index}`, `__rows_${index}`];
  const keys = set.keys.map(keyColumn);
  const all = tables(paths);
  const within = await boundsOf(session, set);
  const late = set.asKnownAtSpine && (await isLate(session, all, within));
  const link = late ? [SEQUENCE, ROW] : [...keys, EVENT_TIME];
  const few = await isFew(session, spine.rows, all);
  const asked = few
    ? `${all} a semi join (select distinct ${list(set.keys.map(spineKey))} from __instants) k on ${sameKeys(set, 'k', 'a')}`
    : all;
  const candidates = late
    ? seenSql(keys, asked, within)
    : `select ${list([...keys, EVENT_TIME])}, ${EVENT_TIME} as __from from ${asked} where ${within}`;
  // The engine's ASOF JOIN lets a null time match the last row.
  const young =
    set.ttlMicros === null ? '' : ` and a.${EVENT_TIME} >= k.__t - to_microseconds(${set.ttlMicros}::bigint)`;
  const valid = `k.__t is not null${young}`;
  await session.run(
    `create temp table ${hits} as select k.__n, ${list(link.map((column, at) => `case when ${valid} then a.${column} end as l${at}`))}
     from __instants k asof left join (${candidates}) a on ${sameKeys(set, 'k', 'a')} and k.__t >= a.__from`,
  );
  const links = link.map((_, at) => `l${at}`);
  const values = set.stored.map((feature, at) => ({ column: featureColumn(set.keys, feature), as: `v${at}` }));
  const linked = `${rows}_linked`;
  // Keys of the set are never null where an event time is there: a link is null as a whole.
  await session.run(
    `create temp table ${linked} as select distinct ${list(links)} from ${hits} where ${links.at(-1)} is not null`,
  );
  await session.run(
    `create temp table ${rows} as select ${list([
      ...links.map((name) => `m.${name}`),
      ...[CREATED_TIME, SEQUENCE, ROW].map((name) => `a.${name}`),
      ...values.map(({ column, as }) => `a.${column} as ${as}`),
    ])} from ${all} a join ${linked} m on ${link.map((column, at) => `a.${column} = m.l${at}`).join(' and ')}
     where ${within}`,
  );
  if (!late) await keepLast(session, rows, linked, links);
  await session.run(`drop table ${linked}`);
  return {
    join: `join ${hits} h${index} on h${index}.__n = s.rowid left join ${rows} r${index} on ${links.map((name) => `h${index}.${name} = r${index}.${name}`).join(' and ')}`,
    values: values.map(({ as }) => `r${index}.${as}`),
  };
}

function sameKeys(set: JoinedSet, spine: string, parts: string): string {
  return set.keys.map((key) => `${spine}.${spineKey(key)} = ${parts}.${keyColumn(key)}`).join(' and ');
}

/** What every row that can be an answer fulfils: the engine passes over the row groups that hold none. */
async function boundsOf(session: Session, set: JoinedSet): Promise<string> {
  const [range] = await session.rows<{ first: string | null; last: string | null; oldest: string | null }>(
    `select min(__t)::varchar as first, max(__t)::varchar as last, ${
      set.ttlMicros === null ? 'null::varchar' : `(min(__t) - to_microseconds(${set.ttlMicros}::bigint))::varchar`
    } as oldest from __instants`,
  );
  if (range === undefined || range.last === null) return 'false';
  return [
    `${EVENT_TIME} <= timestamp '${range.last}'`,
    ...(range.oldest === null ? [] : [`${EVENT_TIME} >= timestamp '${range.oldest}'`]),
    ...(set.asKnownAtSpine ? [`${CREATED_TIME} is not null`] : []),
  ].join(' and ');
}

/** Whether a row was known later than it happened. */
async function isLate(session: Session, all: string, within: string): Promise<boolean> {
  const found = await session.rows(`select 1 from ${all} where ${within} and ${CREATED_TIME} > ${EVENT_TIME} limit 1`);
  return found.length > 0;
}

async function isFew(session: Session, spineRows: number, all: string): Promise<boolean> {
  const [counted] = await session.rows<{ rows: bigint }>(`select count(*) as rows from ${all}`);
  return spineRows < Number(counted?.rows ?? 0n) * FEW;
}

/** One row per (keys, `__from`): from that instant on, until the next, it is the answer. */
function seenSql(keys: readonly string[], from: string, within: string): string {
  const ids = list([...keys, EVENT_TIME, SEQUENCE, ROW]);
  return `select ${ids}, __seen as __from from (
      select ${ids}, __seen, max(${EVENT_TIME}) over w as __newest, lead(__seen) over w as __next
      from (select ${ids}, ${CREATED_TIME}, greatest(${EVENT_TIME}, ${CREATED_TIME}) as __seen from ${from} where ${within})
      window w as (partition by ${list(keys)} order by __seen, ${EVENT_TIME}, ${CREATED_TIME}, ${SEQUENCE}, ${ROW} rows unbounded preceding))
    where ${EVENT_TIME} >= __newest and (__next is null or __next > __seen)`;
}

/** Of rows with one link the last stays: greatest created time, then ingested last. */
async function keepLast(session: Session, rows: string, linked: string, links: readonly string[]): Promise<void> {
  const [counts] = await session.rows<{ ties: boolean }>(
    `select (select count(*) from ${rows}) > (select count(*) from ${linked}) as ties`,
  );
  if (counts?.ties !== true) return;
  const shared = `select ${list(links)} from ${rows} group by ${list(links)} having count(*) > 1`;
  const numbered = `select r.rowid as id, row_number() over (partition by ${list(links.map((name) => `r.${name}`))} order by ${newestFirst()}) as n
    from ${rows} r semi join (${shared}) t on ${links.map((name) => `r.${name} = t.${name}`).join(' and ')}`;
  await session.run(`delete from ${rows} where rowid in (select id from (${numbered}) where n > 1)`);
}
