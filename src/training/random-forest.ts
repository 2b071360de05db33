/**
 * A random forest (L. Breiman, Random Forests, 2001): trees on bootstrap samples, each split choosing among a random few
 * features; the answer is the mean of the leaves' means, which for a 0/1 label is a probability. For such a label the reduction
 * of variance is half that of the Gini index, so both name the same splits.
 */
import type { FittedModel } from './fitted-model.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { Matrix } from './matrix.ts';
import { seededRandom } from './random.ts';
import { binMatrix } from './trees/bins.ts';
import { growTree } from './trees/grow.ts';
import type { Tree } from './trees/tree.ts';

export function fitRandomForest(
  matrix: Matrix,
  labels: Float64Array,
  task: 'binary_classification' | 'regression',
  settings: Hyperparameters<'random_forest'>,
  progress: (line: string) => void,
): FittedModel {
  const { rows, columns } = matrix;
  const random = seededRandom(settings.seed);
  const data = binMatrix(matrix);
  const usual = task === 'binary_classification' ? Math.ceil(Math.sqrt(columns)) : Math.ceil(columns / 3);
  const featuresPerSplit = settings.features_per_split === 0 ? usual : settings.features_per_split;
  const gradient = new Float64Array(rows);
  const weight = new Float64Array(rows);
  const trees: Tree[] = [];
  for (let step = 0; step < settings.trees; step += 1) {
    weight.fill(0);
    for (let draw = 0; draw < rows; draw += 1) {
      const row = random.below(rows);
      weight[row] = weight[row]! + 1;
    }
    for (let row = 0; row < rows; row += 1) gradient[row] = -labels[row]! * weight[row]!;
    const drawn = Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => weight[row]! > 0);
    trees.push(
      growTree(
        data,
        gradient,
        weight,
        drawn,
        {
          maxDepth: settings.max_depth,
          l2: 0,
          minChildWeight: settings.min_leaf,
          minGain: 0,
          featuresPerSplit,
          shrinkage: 1,
        },
        random,
      ),
    );
    if ((step + 1) % 100 === 0 || step + 1 === settings.trees) progress(`${step + 1} of ${settings.trees} trees`);
  }
  return {
    kind: 'trees',
    task,
    link: task === 'binary_classification' ? 'clip' : 'identity',
    ensemble: { trees, base: 0, aggregate: 'average' },
    columns,
  };
}
