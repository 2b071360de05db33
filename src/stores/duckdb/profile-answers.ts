/** What the engine answered of a column, as a profile. */
import { type ColumnProfile, type Histogram, QUANTILES } from '../profile.ts';
import { type FigureRow, oneOf, type Profiling, topOf, valuesOf } from './profile-figures.ts';

const LONGEST_TOP = 200;

interface Figures {
  readonly first: FigureRow;
  readonly second: FigureRow;
  readonly rows: number;
  readonly sampled: boolean;
  readonly edges: readonly number[];
}

export function profileOf(column: Profiling, { first, second, rows, sampled, edges }: Figures): ColumnProfile {
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
function histogramOf(edges: readonly number[], second: FigureRow, id: string): Histogram {
  const bounds = valuesOf(second[`${id}_bins`]).map(Number);
  const counts = valuesOf(second[`${id}_counts`]).map(Number);
  const byBound = new Map(bounds.map((bound, index) => [bound, counts[index] ?? 0]));
  const beyond = bounds.reduce((sum, bound, index) => sum + (edges.includes(bound) ? 0 : (counts[index] ?? 0)), 0);
  return { edges, counts: [...edges.map((edge) => byBound.get(edge) ?? 0), beyond] };
}

function topValues({ what, id }: Profiling, first: FigureRow, second: FigureRow): ColumnProfile['top'] {
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
