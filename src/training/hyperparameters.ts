/**
 * The hyperparameters of each built-in trainer: default, range, and what changing it does. The defaults suit a few thousand
 * rows of laboratory-like data without tuning. An unknown name or a value out of range is MD205, all of them at once.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { TrainerName } from './fitted-model.ts';

interface Parameter {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

const integer = (fallback: number, min: number, max: number): Parameter => ({
  default: fallback,
  min,
  max,
  integer: true,
});
const real = (fallback: number, min: number, max: number): Parameter => ({
  default: fallback,
  min,
  max,
  integer: false,
});

/** Any seed is as good as another; it is a parameter so that a run can be repeated or varied. */
const seed = integer(0, 0, 4_294_967_295);

const PARAMETERS = {
  gradient_boosting: {
    /** More trees fit closer; halve the learning rate when doubling them. */
    trees: integer(150, 1, 10_000),
    /** Deeper trees find interactions of more features, and overfit sooner. */
    max_depth: integer(3, 1, 16),
    /** Smaller generalises better and needs more trees. */
    learning_rate: real(0.05, 1e-4, 1),
    /** λ on leaf values: larger is more cautious. */
    l2: real(1, 0, 1e6),
    /** Least sum of hessians on a side of a split: larger ignores rarer patterns. */
    min_child_weight: real(2, 0, 1e9),
    /** A split must gain more than this. */
    min_gain: real(0, 0, 1e9),
    /** Share of the rows that each tree sees. */
    subsample: real(0.7, 0.01, 1),
    seed,
  },
  random_forest: {
    /** More trees steady the answer, at the cost of size and time; they do not overfit. */
    trees: integer(200, 1, 10_000),
    max_depth: integer(10, 1, 24),
    /** Least rows in a leaf: larger is smoother. */
    min_leaf: integer(8, 1, 1_000_000),
    /** Features each split may choose from. 0: the square root of all for classification, a third for regression. */
    features_per_split: integer(0, 0, 100_000),
    seed,
  },
  logistic_regression: {
    /** Penalty on the squared standardised weights (½ l2 ‖w‖²): larger is more cautious. */
    l2: real(1, 0, 1e9),
    max_iterations: integer(100, 1, 10_000),
    /** Stops when no weight moves by more. */
    tolerance: real(1e-8, 1e-14, 1),
  },
} as const satisfies Record<TrainerName, Readonly<Record<string, Parameter>>>;

export type Hyperparameters<T extends TrainerName> = { readonly [P in keyof (typeof PARAMETERS)[T]]: number };

/** Defaults filled in. */
export function readHyperparameters<T extends TrainerName>(trainer: T, given: JsonObject): Hyperparameters<T> {
  const known: Readonly<Record<string, Parameter>> = PARAMETERS[trainer];
  const problems: string[] = [];
  let hint: string | undefined;
  for (const name of Object.keys(given)) {
    if (known[name] === undefined) {
      problems.push(`${trainer} has no parameter "${name}"`);
      hint ??= didYouMean(name, Object.keys(known));
    }
  }
  const values: Record<string, number> = {};
  for (const [name, parameter] of Object.entries(known)) {
    const value = given[name] ?? parameter.default;
    if (
      typeof value !== 'number' ||
      !(value >= parameter.min && value <= parameter.max) ||
      (parameter.integer && !Number.isInteger(value))
    ) {
      const what = parameter.integer ? 'a whole number' : 'a number';
      problems.push(
        `"${name}" is ${JSON.stringify(value)}, but must be ${what} from ${parameter.min} to ${parameter.max}`,
      );
    } else values[name] = value;
  }
  if (problems.length > 0) throw new MlopsError('MD205', { detail: `${problems.join('; ')}.`, hint, status: 422 });
  return values as Hyperparameters<T>;
}
