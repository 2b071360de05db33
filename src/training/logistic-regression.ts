/**
 * Logistic regression with a squared penalty, by Newton's method with step halving (iteratively reweighted least squares;
 * Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., section 4.4.1). Minimises
 *   Σ log(1 + e^z) - y z + ½ l2 ‖w‖²,   z = b + Σ w_j (x_j - mean_j) / sd_j;   the intercept is not penalised.
 * A missing value is the median of the training rows. The division by sd is folded into the weights.
 */
import { type FittedModel, sigmoid } from './fitted-model.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { Matrix } from './matrix.ts';

export function fitLogisticRegression(
  matrix: Matrix,
  labels: Float64Array,
  settings: Hyperparameters<'logistic_regression'>,
  progress: (line: string) => void,
): FittedModel {
  const { rows, columns } = matrix;
  const medians = new Float32Array(columns);
  const means = new Float32Array(columns);
  const deviations = new Float64Array(columns);
  const x = new Float64Array(rows * columns);
  for (let column = 0; column < columns; column += 1) standardise(matrix, column, x, medians, means, deviations);

  const size = columns + 1; // the intercept is the last
  let w = new Float64Array(size);
  let current = objective(x, labels, w, columns, settings.l2);
  let iterations = 0;
  let step = Number.POSITIVE_INFINITY;
  while (iterations < settings.max_iterations && step > settings.tolerance) {
    iterations += 1;
    const direction = newtonDirection(x, labels, w, columns, settings.l2);
    step = 0;
    for (let scale = 1; scale > 1e-10; scale /= 2) {
      const next = w.map((value, at) => value - scale * direction[at]!);
      const value = objective(x, labels, next, columns, settings.l2);
      if (value <= current) {
        step = Math.max(...direction.map((part) => Math.abs(part * scale)));
        w = next;
        current = value;
        break;
      }
    }
  }
  progress(`${iterations} iterations, training loss ${(current / rows).toPrecision(4)}`);
  return {
    kind: 'logistic',
    task: 'binary_classification',
    medians,
    means,
    weights: Float32Array.from({ length: columns }, (_, at) => w[at]! / deviations[at]!),
    intercept: Math.fround(w[columns]!),
    columns,
  };
}

/** Fills the column of `x`, and its median, mean and deviation. A constant column becomes zeros. */
function standardise(
  matrix: Matrix,
  column: number,
  x: Float64Array,
  medians: Float32Array,
  means: Float32Array,
  deviations: Float64Array,
): void {
  const { rows, columns } = matrix;
  const present: number[] = [];
  for (let row = 0; row < rows; row += 1) {
    const value = matrix.values[row * columns + column]!;
    if (!Number.isNaN(value)) present.push(value);
  }
  present.sort((a, b) => a - b);
  const half = present.length >> 1;
  const median =
    present.length === 0 ? 0 : present.length % 2 === 1 ? present[half]! : (present[half - 1]! + present[half]!) / 2;
  medians[column] = median;
  const filled = (row: number): number => {
    const value = matrix.values[row * columns + column]!;
    return Number.isNaN(value) ? medians[column]! : value;
  };
  let sum = 0;
  for (let row = 0; row < rows; row += 1) sum += filled(row);
  means[column] = sum / rows;
  let squares = 0;
  for (let row = 0; row < rows; row += 1) squares += (filled(row) - means[column]!) ** 2;
  const deviation = Math.sqrt(squares / rows);
  deviations[column] =
    deviation > 1e-12 * Math.abs(means[column]!) && deviation > 0 ? deviation : Number.POSITIVE_INFINITY;
  for (let row = 0; row < rows; row += 1)
    x[row * columns + column] = (filled(row) - means[column]!) / deviations[column]!;
}

function margin(x: Float64Array, w: Float64Array, row: number, columns: number): number {
  let z = w[columns]!;
  for (let column = 0; column < columns; column += 1) z += w[column]! * x[row * columns + column]!;
  return z;
}

function objective(x: Float64Array, labels: Float64Array, w: Float64Array, columns: number, l2: number): number {
  let sum = 0;
  for (let row = 0; row < labels.length; row += 1) {
    const z = margin(x, w, row, columns);
    sum += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - labels[row]! * z;
  }
  for (let column = 0; column < columns; column += 1) sum += (l2 / 2) * w[column]! ** 2;
  return sum;
}

/** Solves H d = g. A tiny ridge keeps H positive definite where the data are separable or columns are constant. */
function newtonDirection(
  x: Float64Array,
  labels: Float64Array,
  w: Float64Array,
  columns: number,
  l2: number,
): Float64Array {
  const size = columns + 1;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  const row1 = new Float64Array(size).fill(1);
  for (let row = 0; row < labels.length; row += 1) {
    const p = sigmoid(margin(x, w, row, columns));
    row1.set(x.subarray(row * columns, (row + 1) * columns));
    const residual = p - labels[row]!;
    const curvature = p * (1 - p);
    for (let i = 0; i < size; i += 1) {
      gradient[i] = gradient[i]! + residual * row1[i]!;
      const scaled = curvature * row1[i]!;
      for (let j = 0; j <= i; j += 1) hessian[i * size + j] = hessian[i * size + j]! + scaled * row1[j]!;
    }
  }
  for (let i = 0; i < size; i += 1) {
    if (i < columns) {
      gradient[i] = gradient[i]! + l2 * w[i]!;
      hessian[i * size + i] = hessian[i * size + i]! + l2;
    }
    hessian[i * size + i] = hessian[i * size + i]! + 1e-9;
  }
  return solveCholesky(hessian, gradient, size);
}

/** Solves A x = b for a symmetric positive definite A given by its lower triangle, which is overwritten by its factor. */
function solveCholesky(a: Float64Array, b: Float64Array, size: number): Float64Array {
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = a[i * size + j]!;
      for (let k = 0; k < j; k += 1) sum -= a[i * size + k]! * a[j * size + k]!;
      a[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / a[j * size + j]!;
    }
  }
  const x = Float64Array.from(b);
  for (let i = 0; i < size; i += 1) {
    for (let k = 0; k < i; k += 1) x[i] = x[i]! - a[i * size + k]! * x[k]!;
    x[i] = x[i]! / a[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < size; k += 1) x[i] = x[i]! - a[k * size + i]! * x[k]!;
    x[i] = x[i]! / a[i * size + i]!;
  }
  return x;
}
