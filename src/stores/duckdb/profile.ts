/**
 * What the rows of parts, or of a Parquet file, tell of their columns. Two scans, neither of which holds rows: the first for
 * counts, moments, quantiles and the candidates for the most frequent values; the second, which needs what the first found, for bins, the
 * exact counts of those candidates, and distinct values where they are few.
 */
import type { Profiled, ProfileRequest } from '../offline.ts';
import { SAMPLE_ROWS } from '../profile.ts';
import { type Readable, withComputed } from './computed.ts';
import type { Engine, Session } from './engine.ts';
import { fileOf } from './files.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, ROW, SEQUENCE, supersededSql } from './part-columns.ts';
import { profileOf } from './profile-answers.ts';
import {
  countedSql,
  dtypeOf,
  edgesOf,
  type FigureRow,
  firstFigures,
  type Profiling,
  profiling,
  projected,
  secondFigures,
} from './profile-figures.ts';
import { columnsOf } from './source-relation.ts';
import { ident, list, literal, tables, timestampOf } from './sql.ts';

export function profileRows(
  engine: Engine,
  root: string,
  request: ProfileRequest,
  signal: AbortSignal,
): Promise<Profiled> {
  return engine.job(signal, (session) =>
    'path' in request.of ? profileFile(session, request, request.of) : profileParts(session, root, request, request.of),
  );
}

async function profileFile(
  session: Session,
  request: ProfileRequest,
  { path, dtypes, leftOut }: Extract<ProfileRequest['of'], { path: string }>,
): Promise<Profiled> {
  const relation = `read_parquet(${literal(path)})`;
  const there = await columnsOf(session, `select * from ${relation}`);
  const columns = there
    .filter(({ name }) => !leftOut.includes(name))
    .map(({ name, type }, index) => profiling(name, dtypes[name] ?? dtypeOf(type), ident(name), `c${index}`));
  const profile = await profileRelation(session, relation, columns, request.edges, false);
  return { ...profile, entities: null, superseded: 0, minEventTime: null, maxEventTime: null };
}

type OfParts = Extract<ProfileRequest['of'], { parts: readonly string[] }>;

const NOTHING: Profiled = { rows: 0, columns: {}, entities: 0, superseded: 0, minEventTime: null, maxEventTime: null };

function profileParts(session: Session, root: string, request: ProfileRequest, of: OfParts): Promise<Profiled> {
  const paths = of.parts.map((location) => fileOf(root, location));
  return paths.length === 0 ? Promise.resolve(NOTHING) : profileStored(session, tables(paths), request, of);
}

/** `held`: a relation with the columns of parts. */
export async function profileStored(
  session: Session,
  held: string,
  { computed, edges, expectations }: ProfileRequest,
  { keys, features, current, from, until }: Omit<OfParts, 'parts'>,
): Promise<Profiled> {
  const within = [
    ...(from === null ? [] : [`${EVENT_TIME} >= ${timestampOf(from)}`]),
    ...(until === null ? [] : [`${EVENT_TIME} < ${timestampOf(until)}`]),
  ];
  const rows = current ? await currentOf(session, held, [...keys.map(keyColumn), EVENT_TIME, CREATED_TIME]) : held;
  const relation = within.length === 0 ? rows : `(select * from ${rows} where ${within.join(' and ')})`;
  const columns = features.map((feature, index) =>
    profiling(feature.name, feature.dtype, featureColumn(keys, feature), `c${index}`, expectations),
  );
  const stored = await profileRelation(session, relation, columns, edges, false);
  const entity = `struct_pack(${list(keys.map((key, index) => `k${index} := ${keyColumn(key)}`))})`;
  const [span] = await session.rows<{ first: bigint | null; last: bigint | null; entities: bigint; held: bigint }>(
    `select epoch_us(min(${EVENT_TIME})) as first, epoch_us(max(${EVENT_TIME})) as last, approx_count_distinct(${entity}) as entities,
            (select count(*) from ${held} ${within.length === 0 ? '' : `where ${within.join(' and ')}`}) as held
     from ${relation}`,
  );
  const [counted] = await session.rows<{ entities: bigint }>(
    `select ${countedSql('k', span?.entities ?? 0n)} as entities from (select ${entity} as k from ${relation})`,
  );
  const onDemand = computed.length === 0 ? {} : await profileComputed(session, relation, stored.rows);
  return {
    rows: stored.rows,
    columns: { ...stored.columns, ...onDemand },
    entities: Number(counted?.entities ?? 0n),
    superseded: Number(span?.held ?? 0n) - stored.rows,
    minEventTime: span?.first ?? null,
    maxEventTime: span?.last ?? null,
  };

  /** Expressions run in this thread, row by row: a sample keeps them from holding it up. */
  async function profileComputed(on: Session, from: string, count: number): Promise<Profiled['columns']> {
    const sampled = count > SAMPLE_ROWS;
    const sample = sampled
      ? `(select * from ${from} using sample reservoir(${SAMPLE_ROWS} rows) repeatable (42))`
      : from;
    const readable = new Map<string, Readable>(
      features.map((feature) => [feature.name, { dtype: feature.dtype, column: featureColumn(keys, feature) }]),
    );
    const relationWith = await withComputed(on, sample, computed, readable);
    // Computed once: each scan would compute it again.
    await on.run(
      `create or replace temp table __computed as select ${list(
        computed.map(({ name }, index) => `${readable.get(name)?.column ?? 'null'} as e${index}`),
      )} from ${relationWith}`,
    );
    const profile = await profileRelation(
      on,
      '__computed',
      computed.map((feature, index) => profiling(feature.name, feature.dtype, `e${index}`, `c${index}`, expectations)),
      edges,
      sampled,
    );
    await on.run('drop table __computed');
    return profile.columns;
  }
}

/** Found once: every scan would look for them again. Mostly there are none. */
async function currentOf(session: Session, held: string, identity: readonly string[]): Promise<string> {
  await session.run(`create or replace temp table __superseded as ${supersededSql(held, identity)}`);
  const some = await session.rows('select 1 from __superseded limit 1');
  if (some.length === 0) return held;
  return `(select * from ${held} where (${SEQUENCE}, ${ROW}) not in (select (s, r) from __superseded))`;
}

async function profileRelation(
  session: Session,
  relation: string,
  columns: readonly Profiling[],
  known: Readonly<Record<string, readonly number[]>>,
  sampled: boolean,
): Promise<{ readonly rows: number; readonly columns: Profiled['columns'] }> {
  const inner = `(select ${list(columns.flatMap(projected).concat('1 as one'))} from ${relation})`;
  const [first = {}] = await session.rows<FigureRow>(
    `select count(*) as n, ${list(columns.flatMap(firstFigures).concat('1 as one'))} from ${inner}`,
  );
  const edges = new Map(columns.map((column) => [column.name, known[column.name] ?? edgesOf(column, first)]));
  const figures = columns.flatMap((column) => secondFigures(column, first, edges.get(column.name) ?? []));
  const [second = {}] =
    figures.length === 0 ? [{}] : await session.rows<FigureRow>(`select ${list(figures)} from ${inner}`);
  const rows = Number(first['n'] ?? 0);
  return {
    rows,
    columns: Object.fromEntries(
      columns.map((column) => [
        column.name,
        profileOf(column, { first, second, rows, sampled, edges: edges.get(column.name) ?? [] }),
      ]),
    ),
  };
}
