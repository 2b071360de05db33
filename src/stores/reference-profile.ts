/**
 * What a version of a model learned from, frozen with it as `profile.json`: of each input and output its histogram, so that what is
 * predicted from later is held against it without a row of the training data. The format is `mlops.profile/1` (docs/models.md).
 *
 * Two profiles with the same bounds and values merge by adding their counts; quantiles do not.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonValue } from '../lib/json.ts';
import { createMoments } from '../lib/moments.ts';
import { QUANTILES } from './profile.ts';

export const PROFILE_FORMAT = 'mlops.profile/1';
export const PROFILE_FILE = 'profile.json';

interface Counted {
  /** Rows looked at, nulls included. */
  readonly count: number;
  readonly nulls: number;
}

/** Of numbers, booleans (0 and 1) and times (milliseconds since 1970). */
export interface NumberProfile extends Counted {
  readonly kind: 'number';
  /** `timestamp` and `date` are texts in what is predicted from. */
  readonly dtype?: string;
  /** Null where every row is null. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Sum of squared distances from the mean. */
  readonly m2: number | null;
  /** p1 to p99; exact. */
  readonly quantiles: Readonly<Record<string, number>> | null;
  /** Ascending. A bin holds what is greater than the bound on its left and not greater than the one on its right. */
  readonly edges: readonly number[];
  /** One more than the edges: the first is of what is not greater than the first, the last of what is greater than the last. */
  readonly counts: readonly number[];
}

/** Of texts, and of labels. */
export interface CategoryProfile extends Counted {
  readonly kind: 'category';
  readonly distinct: number;
  /** The most frequent values, the most frequent first. */
  readonly top: readonly { readonly value: string; readonly count: number }[];
  /** Rows with any other value. */
  readonly other: number;
}

/** Of embeddings and whatever else has no order and no names. */
export interface OpaqueProfile extends Counted {
  readonly kind: 'opaque';
}

export type ProfiledColumn = NumberProfile | CategoryProfile | OpaqueProfile;

export interface ReferenceProfile {
  readonly format: typeof PROFILE_FORMAT;
  /** By `set.feature`: of the rows that were learned from. */
  readonly inputs: Readonly<Record<string, ProfiledColumn>>;
  /** By `probability`, `value`, `label`: of the rows that were kept to measure by, where there are any. */
  readonly outputs: Readonly<Record<string, ProfiledColumn>>;
}

const BINS = 20;
const MOST_VALUES = 50;

/** A column of values: numbers (NaN: null), booleans, texts, lists. `dtype` as its feature has it. */
export function profileColumn(values: ArrayLike<unknown>, dtype?: string): ProfiledColumn {
  const numbers: number[] = [];
  const texts = new Map<string, number>();
  let lists = 0;
  let nulls = 0;
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row];
    if (value === null || value === undefined || (typeof value === 'number' && !Number.isFinite(value))) nulls += 1;
    else if (typeof value === 'string') texts.set(value, (texts.get(value) ?? 0) + 1);
    else if (typeof value === 'object') lists += 1;
    else numbers.push(Number(value));
  }
  const counted = { count: values.length, nulls };
  if (lists > 0) return { kind: 'opaque', ...counted };
  return texts.size > 0 ? categories(texts, counted) : numberProfile(numbers, counted, dtype);
}

function categories(texts: ReadonlyMap<string, number>, counted: Counted): CategoryProfile {
  const all = [...texts].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
  const top = all.slice(0, MOST_VALUES).map(([value, count]) => ({ value, count }));
  const other = all.slice(MOST_VALUES).reduce((sum, [, count]) => sum + count, 0);
  return { kind: 'category', ...counted, distinct: all.length, top, other };
}

function numberProfile(numbers: readonly number[], counted: Counted, dtype: string | undefined): NumberProfile {
  const sorted = Float64Array.from(numbers).sort();
  const moments = createMoments();
  for (const number of sorted) moments.add(number);
  const { mean, m2 } = moments.get() ?? { mean: null, m2: null };
  const edges = edgesOf(sorted);
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const number of sorted) counts[binOf(edges, number)]! += 1;
  return {
    kind: 'number',
    ...(dtype !== undefined && (dtype === 'timestamp' || dtype === 'date') && { dtype }),
    ...counted,
    min: sorted[0] ?? null,
    max: sorted.at(-1) ?? null,
    mean,
    m2,
    quantiles:
      sorted.length === 0
        ? null
        : Object.fromEntries(QUANTILES.map((share) => [`p${share * 100}`, quantile(sorted, share)])),
    edges,
    counts,
  };
}

/** Bins of about as many rows each, so that a shift shows wherever most of the rows are; of few different numbers one each. */
function edgesOf(sorted: Float64Array): readonly number[] {
  const edges: number[] = [];
  for (let bin = 1; bin < BINS; bin += 1) {
    const edge = quantile(sorted, bin / BINS);
    // The greatest is no bound: nothing that was learned from lies beyond it.
    if (edge !== undefined && edge !== edges.at(-1) && edge < sorted.at(-1)!) edges.push(edge);
  }
  return edges;
}

/** The smallest of them that `share` of them do not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** The bin of a number, by halving. */
export function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** MD230 where it is none. */
export function checkProfile(value: unknown): ReferenceProfile {
  const root = objectOf(value, '');
  if (root['format'] !== PROFILE_FORMAT)
    throw refused('/format', `it is ${JSON.stringify(root['format'])}, not "${PROFILE_FORMAT}"`);
  for (const side of ['inputs', 'outputs'] as const)
    for (const [name, column] of Object.entries(objectOf(root[side], `/${side}`)))
      checkColumn(column, `/${side}/${name}`);
  return value as ReferenceProfile;
}

function checkColumn(value: unknown, pointer: string): void {
  const column = objectOf(value, pointer);
  const count = wholeOf(column['count'], `${pointer}/count`);
  const nulls = wholeOf(column['nulls'], `${pointer}/nulls`);
  switch (column['kind']) {
    case 'opaque':
      return;
    case 'number': {
      const edges = listOf(column['edges'], `${pointer}/edges`);
      edges.forEach((edge, at) => {
        if (typeof edge !== 'number' || !Number.isFinite(edge) || (at > 0 && edge <= (edges[at - 1] as number)))
          throw refused(`${pointer}/edges/${at}`, 'bounds are finite numbers, each greater than the one before');
      });
      const counts = listOf(column['counts'], `${pointer}/counts`).map((one) => wholeOf(one, `${pointer}/counts`));
      if (counts.length !== edges.length + 1)
        throw refused(
          `${pointer}/counts`,
          `${edges.length} bounds make ${edges.length + 1} bins, not ${counts.length}`,
        );
      checkSum(counts, count - nulls, `${pointer}/counts`);
      return;
    }
    case 'category': {
      const top = listOf(column['top'], `${pointer}/top`).map((one, at) => {
        const { value: text, count: its } = objectOf(one, `${pointer}/top/${at}`);
        if (typeof text !== 'string') throw refused(`${pointer}/top/${at}/value`, 'a value is a text');
        return wholeOf(its, `${pointer}/top/${at}/count`);
      });
      checkSum([...top, wholeOf(column['other'], `${pointer}/other`)], count - nulls, pointer);
      return;
    }
    default:
      throw refused(`${pointer}/kind`, `it is ${JSON.stringify(column['kind'])}, not number, category or opaque`);
  }
}

function checkSum(counts: readonly number[], expected: number, pointer: string): void {
  const sum = counts.reduce((all, one) => all + one, 0);
  if (sum !== expected) throw refused(pointer, `the counts add up to ${sum}, not to the ${expected} rows with a value`);
}

function objectOf(value: unknown, pointer: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refused(pointer, 'an object is needed');
}

function listOf(value: unknown, pointer: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw refused(pointer, 'a list is needed');
}

function wholeOf(value: unknown, pointer: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused(pointer, 'a whole number from 0 is needed');
}

function refused(pointer: string, why: string): MlopsError {
  return new MlopsError('MD230', {
    detail: `The profile cannot be taken: ${pointer === '' ? '' : `at ${pointer} `}${why}.`,
    hint: `the format is ${PROFILE_FORMAT}: docs/models.md`,
    status: 422,
    data: { errors: [{ pointer: `/profile${pointer}`, detail: why }] },
  });
}

/** What a prediction answers, by the names of a profile's outputs. */
export function outputsOf(prediction: JsonValue): Readonly<Record<string, unknown>> {
  if (typeof prediction !== 'object' || prediction === null || Array.isArray(prediction)) return {};
  const { label, probability, value } = prediction as Record<string, unknown>;
  return {
    ...(probability !== undefined && { probability }),
    ...(value !== undefined && { value }),
    ...(label !== undefined && { label: String(label) }),
  };
}
