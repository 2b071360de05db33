/** What a trainer makes: enough to answer, and to be written as ONNX. */
import type { Matrix } from './matrix.ts';
import { type Ensemble, ensembleValue } from './trees/tree.ts';

export type TrainerName = 'logistic_regression' | 'gradient_boosting' | 'random_forest';

/**
 * `binary_classification`: the answer is the probability of label 1. `regression`: the value.
 * `link`: what turns an ensemble's raw answer into that; `clip` keeps a mean of probabilities within [0, 1].
 */
export type FittedModel =
  | {
      readonly kind: 'trees';
      readonly task: 'binary_classification' | 'regression';
      readonly link: 'sigmoid' | 'clip' | 'identity';
      readonly ensemble: Ensemble;
      readonly columns: number;
    }
  | {
      readonly kind: 'logistic';
      readonly task: 'binary_classification';
      /** Stands in for a missing value. */
      readonly medians: Float32Array;
      readonly means: Float32Array;
      /** Per unit of the feature: the standardisation is folded in. */
      readonly weights: Float32Array;
      readonly intercept: number;
      readonly columns: number;
    };

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** One answer a row, as the trainer computes it: what the ONNX file is held to. */
export function answers(model: FittedModel, matrix: Matrix): Float64Array {
  const out = new Float64Array(matrix.rows);
  for (let row = 0; row < matrix.rows; row += 1) out[row] = answer(model, matrix.values, row * matrix.columns);
  return out;
}

function answer(model: FittedModel, values: Float32Array, offset: number): number {
  if (model.kind === 'trees') {
    const raw = ensembleValue(model.ensemble, values, offset);
    if (model.link === 'sigmoid') return sigmoid(raw);
    return model.link === 'clip' ? Math.min(1, Math.max(0, raw)) : raw;
  }
  let z = model.intercept;
  for (let column = 0; column < model.columns; column += 1) {
    const value = values[offset + column]!;
    const x = Number.isNaN(value) ? model.medians[column]! : value;
    z += Math.fround(x - model.means[column]!) * model.weights[column]!;
  }
  return sigmoid(z);
}
