/**
 * Gradient-boosted trees by Newton steps (XGBoost, arXiv:1603.02754, section 2; stochastic rows as in J. Friedman,
 * Stochastic gradient boosting, 2002). Logistic loss for a binary label: g = p - y, h = p (1 - p); squared loss else:
 * g = f - y, h = 1. Missing values take the direction each split learned for them.
 */
import type { FittedModel } from './fitted-model.ts';
import { sigmoid } from './fitted-model.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { Matrix } from './matrix.ts';
import { seededRandom, shuffleFirst } from './random.ts';
import { binMatrix } from './trees/bins.ts';
import { growTree } from './trees/grow.ts';
import { type Tree, treeValue } from './trees/tree.ts';

export function fitGradientBoosting(
  matrix: Matrix,
  labels: Float64Array,
  task: 'binary_classification' | 'regression',
  settings: Hyperparameters<'gradient_boosting'>,
  progress: (line: string) => void,
): FittedModel {
  const { rows, columns, values } = matrix;
  const random = seededRandom(settings.seed);
  const data = binMatrix(matrix);
  const binary = task === 'binary_classification';
  const mean = labels.reduce((sum, label) => sum + label, 0) / rows;
  const base = Math.fround(binary ? Math.log(mean / (1 - mean)) : mean);
  const raw = new Float64Array(rows).fill(base);
  const gradient = new Float64Array(rows);
  const hessian = new Float64Array(rows).fill(1);
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  const sampled = Math.max(1, Math.round(settings.subsample * rows));
  const trees: Tree[] = [];
  for (let step = 0; step < settings.trees; step += 1) {
    for (let row = 0; row < rows; row += 1) {
      const prediction = binary ? sigmoid(raw[row]!) : raw[row]!;
      gradient[row] = prediction - labels[row]!;
      if (binary) hessian[row] = Math.max(1e-16, prediction * (1 - prediction));
    }
    const tree = growTree(
      data,
      gradient,
      hessian,
      // sorted: sums are then taken in the order of rows, whatever the shuffle
      sampled < rows ? shuffleFirst(order, sampled, random).slice().sort() : order,
      {
        maxDepth: settings.max_depth,
        l2: settings.l2,
        minChildWeight: settings.min_child_weight,
        minGain: settings.min_gain,
        featuresPerSplit: columns,
        shrinkage: settings.learning_rate,
      },
      random,
    );
    trees.push(tree);
    for (let row = 0; row < rows; row += 1) raw[row] = raw[row]! + treeValue(tree, values, row * columns);
    if ((step + 1) % 50 === 0 || step + 1 === settings.trees) {
      progress(`${step + 1} of ${settings.trees} trees, training loss ${loss(raw, labels, binary).toPrecision(4)}`);
    }
  }
  return {
    kind: 'trees',
    task,
    link: binary ? 'sigmoid' : 'identity',
    ensemble: { trees, base, aggregate: 'sum' },
    columns,
  };
}

/** Mean log loss, or mean squared error. */
function loss(raw: Float64Array, labels: Float64Array, binary: boolean): number {
  let sum = 0;
  for (let row = 0; row < raw.length; row += 1) {
    const f = raw[row]!;
    // log(1 + e^f) - y f, written so that no exponential overflows
    sum += binary ? Math.max(f, 0) + Math.log1p(Math.exp(-Math.abs(f))) - labels[row]! * f : (f - labels[row]!) ** 2;
  }
  return sum / raw.length;
}
