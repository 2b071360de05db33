/**
 * What the rows of parts, or of a Parquet file, tell of their columns. Two scans, neither of which holds rows: the first for
 * counts, moments, quantiles and the candidates for the most frequent values; the second, which needs what the first found, for bins, the
 * exact counts of those candidates, and distinct values where they are few.
 */
import type { Expectation, Profiled, ProfileRequest } from '../offline.ts';
import {
  binEdges,
  type ColumnProfile,
  DISTINCT_EXACT,
  type Histogram,
  QUANTILES,
  SAMPLE_ROWS,
  TOP_VALUES,
} from '../profile.ts';
import { type Readable, withComputed } from './computed.ts';
import type { Engine, Session } from './engine.ts';
import { fileOf } from './files.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, ROW, SEQUENCE, supersededSql } from './part-columns.ts';
import { rulesOf } from './rules.ts';
import { columnsOf } from './source-relation.ts';
import { ident, list, literal, tables, timestampOf, valueSql } from './sql.ts';

type Row = Readonly<Record<string, unknown>>;

/** A column with the aliases that its figures have in the answers. */
interface Profiling {
  readonly name: string;
  readonly dtype: string;
  readonly column: string;
  readonly what: 'number' | 'bool' | 'text' | 'bytes' | 'time' | 'id' | 'list' | 'other';
  readonly whole: boolean;
  readonly id: string;
  /** True of a row whose value is not as expected; undefined where nothing is expected of single rows. */
  readonly broken: string | undefined;
}

/** Beyond it the square of a number is none: a deviation of such numbers cannot be told. */
const SQUARABLE = 1e150;
const LONGEST_TOP = 200;

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

function profiling(
  name: string,
  dtype: string,
  column: string,
  id: string,
  expectations: readonly Expectation[] = [],
): Profiling {
  const broken = expectations
    .filter(({ feature }) => feature === name)
    .flatMap((expectation) => rulesOf(expectation, { dtype: expectation.dtype, column: id }))
    .flatMap((rule) => (rule.ofRows ? [`(${rule.broken})`] : []));
  return {
    name,
    dtype,
    column,
    id,
    what: kindOf(dtype),
    whole: dtype === 'int32' || dtype === 'int64',
    broken: broken.length === 0 ? undefined : broken.join(' or '),
  };
}

function kindOf(dtype: string): Profiling['what'] {
  switch (dtype) {
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64':
      return 'number';
    case 'bool':
      return 'bool';
    case 'string':
      return 'text';
    case 'json':
    case 'bytes':
      return 'bytes';
    case 'timestamp':
    case 'date':
      return 'time';
    case 'uuid':
      return 'id';
    default:
      return /^(array|vector)</.test(dtype) || dtype.endsWith('[]') ? 'list' : 'other';
  }
}

/** Of a column that no feature declares: the spine's. */
function dtypeOf(type: string): string {
  if (/^(U?(TINY|SMALL)INT|INTEGER)$/.test(type)) return 'int32';
  if (/^(U?(BIG|HUGE)INT|UINTEGER)$/.test(type)) return 'int64';
  if (/^(FLOAT|DOUBLE|DECIMAL.*)$/.test(type)) return 'float64';
  if (/^TIMESTAMP/.test(type)) return 'timestamp';
  return { BOOLEAN: 'bool', VARCHAR: 'string', DATE: 'date', UUID: 'uuid', BLOB: 'bytes' }[type] ?? type.toLowerCase();
}

async function profileRelation(
  session: Session,
  relation: string,
  columns: readonly Profiling[],
  known: Readonly<Record<string, readonly number[]>>,
  sampled: boolean,
): Promise<{ readonly rows: number; readonly columns: Profiled['columns'] }> {
  const inner = `(select ${list(columns.flatMap(projected).concat('1 as one'))} from ${relation})`;
  const [first = {}] = await session.rows<Row>(
    `select count(*) as n, ${list(columns.flatMap(firstFigures).concat('1 as one'))} from ${inner}`,
  );
  const edges = new Map(columns.map((column) => [column.name, known[column.name] ?? edgesOf(column, first)]));
  const figures = columns.flatMap((column) => secondFigures(column, first, edges.get(column.name) ?? []));
  const [second = {}] = figures.length === 0 ? [{}] : await session.rows<Row>(`select ${list(figures)} from ${inner}`);
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

/** The column as it is; of numbers, without those that are none and as doubles beside it. */
function projected({ what, column, id, dtype }: Profiling): string[] {
  if (what !== 'number') return [`${column} as ${id}`];
  const finite = dtype.startsWith('float')
    ? `case when isfinite(${column}::double) then ${column}::double end`
    : column;
  return [`${column} as ${id}`, `${finite} as ${id}_v`];
}

function firstFigures({ what, id, broken }: Profiling): string[] {
  const figures = [`count(${id}) as ${id}_n`];
  if (broken !== undefined) figures.push(`count(*) filter (${broken}) as ${id}_invalid`);
  if (what !== 'other' && what !== 'list') figures.push(`approx_count_distinct(${id}) as ${id}_distinct`);
  if (what === 'number') {
    figures.push(
      `count(${id}_v) as ${id}_finite`,
      `min(${id}_v) as ${id}_min`,
      `max(${id}_v) as ${id}_max`,
      `avg(${id}_v::double) as ${id}_mean`,
      `stddev_samp(case when abs(${id}_v::double) < ${SQUARABLE} then ${id}_v::double end) as ${id}_sd`,
      `approx_quantile(${id}_v::double, [${list(QUANTILES.map(String))}]) as ${id}_quantiles`,
    );
  } else if (what === 'time') {
    // They leave the engine as the text that everything else shows.
    figures.push(
      `${valueSql(`min(${id})::timestamp`, 'timestamp')} as ${id}_min`,
      `${valueSql(`max(${id})::timestamp`, 'timestamp')} as ${id}_max`,
    );
  } else if (what === 'bytes' || what === 'text' || what === 'list') {
    const length = what === 'bytes' ? `octet_length(${id}::blob)` : `len(${id})`;
    figures.push(
      `min(${length}) as ${id}_shortest`,
      `avg(${length}) as ${id}_length`,
      `max(${length}) as ${id}_longest`,
    );
  }
  if (what === 'text') figures.push(`approx_top_k(${id}, ${TOP_VALUES}) as ${id}_top`);
  return figures;
}

/** Where most of the numbers are; few whole numbers get a bin each. */
function edgesOf({ what, whole, id }: Profiling, first: Row): readonly number[] {
  if (what !== 'number' || first[`${id}_min`] == null) return [];
  const [min, max] = [Number(first[`${id}_min`]), Number(first[`${id}_max`])];
  const quantiles = valuesOf(first[`${id}_quantiles`]).map(Number);
  const [low = min, high = max] = [quantiles[0], quantiles.at(-1)];
  const all = (whole && max - min <= 50) || low === high;
  return binEdges(all ? min : low, all ? max : high, whole);
}

function secondFigures({ what, id }: Profiling, first: Row, edges: readonly number[]): string[] {
  const figures: string[] = [];
  const estimate = first[`${id}_distinct`];
  if (estimate != null) figures.push(`${countedSql(id, estimate)} as ${id}_counted`);
  if (what === 'number' && edges.length > 0) {
    const bins = `histogram(${id}_v::double, [${list(edges.map((edge) => `${edge}::double`))}])`;
    figures.push(`map_keys(${bins}) as ${id}_bins`, `map_values(${bins}) as ${id}_counts`);
  }
  if (what === 'bool')
    figures.push(`count(*) filter (${id}) as ${id}_true`, `count(*) filter (not ${id}) as ${id}_false`);
  if (what === 'text')
    topOf(first, id).forEach((value, index) => {
      figures.push(`count(*) filter (${id} = ${literal(value)}) as ${id}_top${index}`);
    });
  return figures;
}

/**
 * The engine's own HyperLogLog is off by 14 % on average. It only chooses of how many values one is counted: as many as leave about
 * {@link DISTINCT_EXACT}, by their hash. Counting those is off by about 1 %, and where every one is counted, by nothing.
 */
function oneOf(estimate: unknown): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2((Number(estimate) * 1.5) / DISTINCT_EXACT)));
}

function countedSql(column: string, estimate: unknown): string {
  const share = oneOf(estimate);
  return share === 1
    ? `count(distinct ${column})`
    : `${share} * count(distinct ${column}) filter (hash(${column}) & ${share - 1}::ubigint = 0)`;
}

function topOf(first: Row, id: string): readonly string[] {
  return valuesOf(first[`${id}_top`]).map(String);
}

function valuesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

interface Figures {
  readonly first: Row;
  readonly second: Row;
  readonly rows: number;
  readonly sampled: boolean;
  readonly edges: readonly number[];
}

function profileOf(column: Profiling, { first, second, rows, sampled, edges }: Figures): ColumnProfile {
  const { id, what, dtype } = column;
  const present = Number(first[`${id}_n`] ?? 0);
  const counted = second[`${id}_counted`];
  const estimate = first[`${id}_distinct`];
  const number = what === 'number';
  return {
    dtype,
    count: rows,
    nulls: rows - present,
    invalid: column.broken === undefined ? null : Number(first[`${id}_invalid`] ?? 0),
    distinct: counted == null ? null : Math.min(present, Number(counted)),
    distinctEstimated: estimate != null && oneOf(estimate) > 1,
    sampled,
    min: number ? plain(first[`${id}_min`]) : timeText(first[`${id}_min`], dtype),
    max: number ? plain(first[`${id}_max`]) : timeText(first[`${id}_max`], dtype),
    mean: finite(first[`${id}_mean`]),
    sd: finite(first[`${id}_sd`]),
    quantiles: number ? quantilesOf(first[`${id}_quantiles`], column.whole) : null,
    histogram: number && edges.length > 0 ? histogramOf(edges, second, id) : null,
    nonFinite: number ? present - Number(first[`${id}_finite`] ?? 0) : 0,
    top: topValues(column, first, second),
    lengths:
      first[`${id}_length`] == null
        ? null
        : {
            min: Number(first[`${id}_shortest`]),
            mean: Number(first[`${id}_length`]),
            max: Number(first[`${id}_longest`]),
          },
  };
}

function plain(value: unknown): number | string | null {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return finite(value);
}

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function timeText(value: unknown, dtype: string): string | null {
  if (typeof value !== 'string') return null;
  return dtype === 'date' ? value.slice(0, 10) : value;
}

/** Between two whole numbers lies none. */
function quantilesOf(value: unknown, whole: boolean): Readonly<Record<string, number>> | null {
  const found = valuesOf(value);
  if (found.length !== QUANTILES.length) return null;
  const of = (index: number): number => (whole ? Math.round(Number(found[index])) : Number(found[index]));
  return Object.fromEntries(QUANTILES.map((quantile, index) => [`p${Math.round(quantile * 100)}`, of(index)]));
}

/** The engine leaves out what no value fell into at the end. */
function histogramOf(edges: readonly number[], second: Row, id: string): Histogram {
  const bounds = valuesOf(second[`${id}_bins`]).map(Number);
  const counts = valuesOf(second[`${id}_counts`]).map(Number);
  const byBound = new Map(bounds.map((bound, index) => [bound, counts[index] ?? 0]));
  const beyond = bounds.reduce((sum, bound, index) => sum + (edges.includes(bound) ? 0 : (counts[index] ?? 0)), 0);
  return { edges, counts: [...edges.map((edge) => byBound.get(edge) ?? 0), beyond] };
}

function topValues({ what, id }: Profiling, first: Row, second: Row): ColumnProfile['top'] {
  const top =
    what === 'bool'
      ? [true, false].map((value) => ({ value, count: Number(second[`${id}_${value}`] ?? 0) }))
      : what === 'text'
        ? topOf(first, id).map((value, index) => ({
            value: value.slice(0, LONGEST_TOP),
            count: Number(second[`${id}_top${index}`] ?? 0),
          }))
        : null;
  return top === null ? null : top.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
}
