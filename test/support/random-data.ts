/** Seeded random rows for tests of trainers: correlated, skewed, with ties, large offsets and missing values. */

import type { Matrix } from '../../src/training/matrix.ts';
import { seededRandom } from '../../src/training/random.ts';

export interface RandomData {
  readonly matrix: Matrix;
  readonly binary: Float64Array;
  readonly real: Float64Array;
}

export function randomData(seed: number, rows: number, columns: number, missing = 0.1): RandomData {
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const values = new Float32Array(rows * columns);
  const binary = new Float64Array(rows);
  const real = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    let score = 0;
    for (let column = 0; column < columns; column += 1) {
      const z = normal();
      score += z * (column % 3 === 0 ? 1 : 0.3) + (column === 1 && z > 1 ? 1 : 0);
      const shapes = [z, Math.exp(z), Math.round(z * 3), 250 + 90 * z, 1e6 + z, z * 1e-3];
      values[row * columns + column] = random.next() < missing ? Number.NaN : shapes[column % shapes.length]!;
    }
    binary[row] = random.next() < 1 / (1 + Math.exp(-score)) ? 1 : 0;
    real[row] = 40 + 8 * score + normal();
  }
  return { matrix: { rows, columns, values }, binary, real };
}

/** The matrix as one column a feature, as a runtime takes it. */
export function columnsOf({ rows, columns, values }: Matrix): Float32Array[] {
  return Array.from({ length: columns }, (_, column) =>
    Float32Array.from({ length: rows }, (_, row) => values[row * columns + column]!),
  );
}
