/** Rows of float32 features: the precision that the ONNX model computes with, so that both sides compare equal values. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** Row by row, `rows × columns` values; NaN where a value is missing. */
  readonly values: Float32Array;
}

/** A copy of the rows with these indices, in that order. */
export function takeRows(matrix: Matrix, indices: Uint32Array): Matrix {
  const { columns } = matrix;
  const values = new Float32Array(indices.length * columns);
  indices.forEach((row, at) => {
    values.set(matrix.values.subarray(row * columns, (row + 1) * columns), at * columns);
  });
  return { rows: indices.length, columns, values };
}
