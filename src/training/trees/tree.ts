/**
 * A binary decision tree as parallel arrays, node 0 the root. `x <= threshold` goes left; a missing value goes where
 * training found that missing values do best. Exactly the comparison of ONNX's BRANCH_LEQ on float32.
 */
export interface Tree {
  /** -1: a leaf. */
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** 1: missing values go left. */
  readonly missingLeft: Uint8Array;
  /** Of leaves; 0 elsewhere. */
  readonly value: Float32Array;
}

/** The leaf value for the row that starts at `offset` of `values`. */
export function treeValue(tree: Tree, values: Float32Array, offset: number): number {
  let node = 0;
  let feature = tree.feature[0]!;
  while (feature >= 0) {
    const x = values[offset + feature]!;
    const goLeft = x <= tree.threshold[node]! || (Number.isNaN(x) && tree.missingLeft[node] === 1);
    node = goLeft ? tree.left[node]! : tree.right[node]!;
    feature = tree.feature[node]!;
  }
  return tree.value[node]!;
}

/** An ensemble's raw answer is `base` plus the sum of its trees' leaves, or plus their mean. */
export interface Ensemble {
  readonly trees: readonly Tree[];
  readonly base: number;
  readonly aggregate: 'sum' | 'average';
}

export function ensembleValue(ensemble: Ensemble, values: Float32Array, offset: number): number {
  let sum = 0;
  for (const tree of ensemble.trees) sum += treeValue(tree, values, offset);
  return ensemble.base + (ensemble.aggregate === 'average' ? sum / ensemble.trees.length : sum);
}
