/**
 * What the engine is asked of a column: in the first scan counts, moments, quantiles and the candidates for the most frequent values; in the
 * second, which needs what the first found, bins, the exact counts of those candidates, and distinct values where they are few.
 */
import type { Expectation } from '../offline-expectations.ts';
import { binEdges, DISTINCT_EXACT, QUANTILES, TOP_VALUES } from '../profile.ts';
import { rulesOf } from './rules.ts';
import { list, literal, valueSql } from './sql.ts';

export type FigureRow = Readonly<Record<string, unknown>>;

/** A column with the aliases that its figures have in the answers. */
export interface Profiling {
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

export function profiling(
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
export function dtypeOf(type: string): string {
  if (/^(U?(TINY|SMALL)INT|INTEGER)$/.test(type)) return 'int32';
  if (/^(U?(BIG|HUGE)INT|UINTEGER)$/.test(type)) return 'int64';
  if (/^(FLOAT|DOUBLE|DECIMAL.*)$/.test(type)) return 'float64';
  if (/^TIMESTAMP/.test(type)) return 'timestamp';
  return { BOOLEAN: 'bool', VARCHAR: 'string', DATE: 'date', UUID: 'uuid', BLOB: 'bytes' }[type] ?? type.toLowerCase();
}

/** The column as it is; of numbers, without those that are none and as doubles beside it. */
export function projected({ what, column, id, dtype }: Profiling): string[] {
  if (what !== 'number') return [`${column} as ${id}`];
  const finite = dtype.startsWith('float')
    ? `case when isfinite(${column}::double) then ${column}::double end`
    : column;
  return [`${column} as ${id}`, `${finite} as ${id}_v`];
}

export function firstFigures({ what, id, broken }: Profiling): string[] {
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
export function edgesOf({ what, whole, id }: Profiling, first: FigureRow): readonly number[] {
  if (what !== 'number' || first[`${id}_min`] == null) return [];
  const [min, max] = [Number(first[`${id}_min`]), Number(first[`${id}_max`])];
  const quantiles = valuesOf(first[`${id}_quantiles`]).map(Number);
  const [low = min, high = max] = [quantiles[0], quantiles.at(-1)];
  const all = (whole && max - min <= 50) || low === high;
  return binEdges(all ? min : low, all ? max : high, whole);
}

export function secondFigures({ what, id }: Profiling, first: FigureRow, edges: readonly number[]): string[] {
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
export function oneOf(estimate: unknown): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2((Number(estimate) * 1.5) / DISTINCT_EXACT)));
}

export function countedSql(column: string, estimate: unknown): string {
  const share = oneOf(estimate);
  return share === 1
    ? `count(distinct ${column})`
    : `${share} * count(distinct ${column}) filter (hash(${column}) & ${share - 1}::ubigint = 0)`;
}

export function topOf(first: FigureRow, id: string): readonly string[] {
  return valuesOf(first[`${id}_top`]).map(String);
}

export function valuesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
