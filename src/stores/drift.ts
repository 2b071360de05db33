/**
 * How far what is predicted from lies from what was learned from: each input and output against the profile frozen with the version. Costs a
 * look into the bins a value, and memory of the bins.
 */
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { binOf, outputsOf, type ProfiledColumn, type ReferenceProfile } from './reference-profile.ts';

export interface DriftFigure {
  /** Rows that were looked at, nulls included. */
  readonly count: number;
  /** {@link populationStability}; null where one of the two has no value to compare. */
  readonly psi: number | null;
  /** {@link jensenShannon}; null likewise. */
  readonly js: number | null;
  /** Shares of rows without a value: as it was learned, and now. */
  readonly nulls: { readonly reference: number | null; readonly current: number };
}

export interface DriftFigures {
  /** By `set.feature`. */
  readonly inputs: Readonly<Record<string, DriftFigure>>;
  /** By `probability`, `value`, `label`. */
  readonly outputs: Readonly<Record<string, DriftFigure>>;
}

export interface DriftFold {
  add(features: JsonObject, prediction: JsonValue): void;
  get(): DriftFigures;
}

export function createDriftFold({ inputs, outputs }: ReferenceProfile): DriftFold {
  const ins = Object.entries(inputs).map(([name, profile]) => [name, createColumnFold(profile)] as const);
  const outs = Object.entries(outputs).map(([name, profile]) => [name, createColumnFold(profile)] as const);
  const figures = (folds: typeof ins): Readonly<Record<string, DriftFigure>> =>
    Object.fromEntries(
      folds.flatMap(([name, fold]) => {
        const figure = fold.get();
        return figure === undefined ? [] : [[name, figure]];
      }),
    );
  return {
    add: (features, prediction) => {
      // What the endpoint excludes from its log is not known, which is not null.
      for (const [name, fold] of ins) if (features[name] !== undefined) fold.add(features[name]);
      const answered = outputsOf(prediction);
      for (const [name, fold] of outs) if (answered[name] !== undefined) fold.add(answered[name]);
    },
    get: () => ({ inputs: figures(ins), outputs: figures(outs) }),
  };
}

interface ColumnFold {
  add(value: unknown): void;
  /** Undefined where no row was looked at. */
  get(): DriftFigure | undefined;
}

function createColumnFold(profile: ProfiledColumn): ColumnFold {
  const reference = referenceCounts(profile);
  const counts = new Array<number>(reference.length).fill(0);
  const places = profile.kind === 'category' ? new Map(profile.top.map(({ value }, at) => [value, at])) : undefined;
  let count = 0;
  let nulls = 0;
  const place = (value: unknown): number | undefined => {
    if (value === null || value === undefined) return undefined;
    if (profile.kind === 'opaque') return -1;
    if (places !== undefined) return places.get(String(value)) ?? counts.length - 1;
    const number = numberOf(value, profile.kind === 'number' ? profile.dtype : undefined);
    return Number.isFinite(number) && profile.kind === 'number' ? binOf(profile.edges, number) : undefined;
  };
  return {
    add: (value) => {
      count += 1;
      const at = place(value);
      if (at === undefined) nulls += 1;
      else if (at >= 0) counts[at]! += 1;
    },
    get: () =>
      count === 0
        ? undefined
        : {
            count,
            psi: populationStability(reference, counts),
            js: jensenShannon(reference, counts),
            nulls: {
              reference: profile.count === 0 ? null : profile.nulls / profile.count,
              current: nulls / count,
            },
          },
  };
}

function referenceCounts(profile: ProfiledColumn): readonly number[] {
  if (profile.kind === 'number') return profile.counts;
  return profile.kind === 'category' ? [...profile.top.map(({ count }) => count), profile.other] : [];
}

/** Times are milliseconds since 1970 in a profile; integers beyond 2^53 are text in a log. */
function numberOf(value: unknown, dtype: string | undefined): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return Number.NaN;
  return dtype === undefined ? Number(value) : Date.parse(value);
}

/**
 * Population stability index: Σ (c − r) · ln(c / r) over the bins, r and c the shares of the reference and of now. Shares of 0 are taken as
 * 0.0001, or as a millionth of the smallest other share of that side where that is not more than 0.0001, as Evidently does
 * (calculations/stattests/psi.py). From 0 (the same) up; 0.1 and 0.25 are the usual rules of thumb for some and much
 * (N. Siddiqi, Credit Risk Scorecards, 2006). Null where one side is empty.
 */
export function populationStability(reference: readonly number[], current: readonly number[]): number | null {
  const [r, c] = [sharesOf(reference), sharesOf(current)];
  if (r === null || c === null) return null;
  const [filledR, filledC] = [filled(r), filled(c)];
  return filledR.reduce((sum, share, at) => sum + (filledC[at]! - share) * Math.log(filledC[at]! / share), 0);
}

/**
 * Jensen-Shannon distance: the square root of the divergence ½ Σ r ln(r / m) + ½ Σ c ln(c / m), m = ½ (r + c), in natural logarithms
 * (J. Lin, IEEE Trans. Inf. Theory 37, 1991; as scipy.spatial.distance.jensenshannon). From 0 (the same) to √ln 2 = 0.83 (nothing in
 * common). Null where one side is empty.
 */
export function jensenShannon(reference: readonly number[], current: readonly number[]): number | null {
  const [r, c] = [sharesOf(reference), sharesOf(current)];
  if (r === null || c === null) return null;
  const term = (share: number, mean: number): number => (share === 0 ? 0 : share * Math.log(share / mean));
  const divergence = r.reduce((sum, share, at) => {
    const mean = (share + c[at]!) / 2;
    return sum + (term(share, mean) + term(c[at]!, mean)) / 2;
  }, 0);
  return Math.sqrt(Math.max(0, divergence));
}

function sharesOf(counts: readonly number[]): readonly number[] | null {
  const sum = counts.reduce((all, one) => all + one, 0);
  return sum === 0 ? null : counts.map((count) => count / sum);
}

function filled(shares: readonly number[]): readonly number[] {
  const least = Math.min(...shares.filter((share) => share > 0));
  const small = least <= 1e-4 ? least / 1e6 : 1e-4;
  return shares.map((share) => (share === 0 ? small : share));
}
