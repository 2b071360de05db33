/** Rows of float32 features: the precision that the ONNX model computes with, so that both sides compare equal values. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** Row by row, `rows × columns` values; NaN where a value is missing. */
  readonly values: Float32Array;
}
