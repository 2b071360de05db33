/** What training needs of whatever runs ONNX models; serving has it, compose.ts passes it in. */
import type { ModelSignature, TensorSpec } from '../stores/control/registry.ts';

export interface ModelRuntime {
  /**
   * MD204 where the bytes are no ONNX model, or none that takes these features (`set.feature`, in order). `widths`: how many
   * columns each fills, one where it is left out.
   */
  load(content: Uint8Array, features: readonly string[], widths?: readonly number[]): Promise<RunnableModel>;
}

export interface RunnableModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** One number a row: the probability of label 1, or the value. A column a feature; null or NaN where a value is missing. */
  scores(
    columns: readonly ArrayLike<unknown>[],
    rows: number,
  ): Promise<{ readonly task: ModelSignature['task']; readonly values: Float64Array }>;
  release(): Promise<void>;
}
