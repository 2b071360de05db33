import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/lib/json.ts';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import { fitModel } from '../../src/training/fit.ts';
import { answers, type TrainerName } from '../../src/training/fitted-model.ts';
import { writeOnnx } from '../../src/training/onnx/write-model.ts';
import { columnsOf, randomData } from '../support/random-data.ts';

const runtime = createOnnxRuntime();

const CASES: readonly { trainer: TrainerName; task: 'binary_classification' | 'regression'; params: JsonObject }[] = [
  { trainer: 'logistic_regression', task: 'binary_classification', params: {} },
  { trainer: 'gradient_boosting', task: 'binary_classification', params: {} },
  {
    trainer: 'gradient_boosting',
    task: 'binary_classification',
    params: { max_depth: 7, l2: 0, min_child_weight: 0, learning_rate: 0.5 },
  },
  { trainer: 'gradient_boosting', task: 'regression', params: {} },
  { trainer: 'random_forest', task: 'binary_classification', params: {} },
  { trainer: 'random_forest', task: 'binary_classification', params: { min_leaf: 1, max_depth: 20, trees: 60 } },
  { trainer: 'random_forest', task: 'regression', params: { features_per_split: 2 } },
];

describe('the ONNX file answers as the trainer does, within 1e-5', () => {
  for (const { trainer, task, params } of CASES) {
    it(`${trainer}, ${task}, ${JSON.stringify(params)}`, async () => {
      for (let seed = 1; seed <= 6; seed += 1) {
        const columns = 1 + (seed % 7);
        const features = Array.from({ length: columns }, (_, at) => `labs.f${at}`);
        const train = randomData(seed, 300, columns, seed % 2 === 0 ? 0 : 0.15);
        const labels = task === 'regression' ? train.real : train.binary;
        const { model } = fitModel({ trainer, params, task, features, matrix: train.matrix, labels }, () => {});
        const onnx = await runtime.load(await writeOnnx(model, features), features);
        // rows that training never saw, missing values in every feature included
        const fresh = randomData(seed + 1000, 500, columns, 0.2).matrix;
        for (const matrix of [train.matrix, fresh]) {
          const expected = answers(model, matrix);
          const { task: answered, values } = await onnx.scores(columnsOf(matrix), matrix.rows);
          expect(answered).toBe(task);
          const scale = task === 'regression' ? 1 + Math.max(...expected.map(Math.abs)) : 1;
          expected.forEach((value, row) => {
            expect(Math.abs(value - values[row]!) / scale, `seed ${seed}, row ${row}`).toBeLessThan(1e-5);
          });
        }
        await onnx.release();
      }
    });
  }

  it('compares exactly at a threshold: a value that training saw never falls on the other side', async () => {
    const values = Float32Array.from({ length: 400 }, (_, at) => Math.fround(0.1) * Math.floor(at / 2));
    const matrix = { rows: 400, columns: 1, values };
    const labels = Float64Array.from(values, (value) => (Math.round(value * 10) % 3 === 0 ? 1 : 0));
    const { model } = fitModel(
      {
        trainer: 'random_forest',
        params: { min_leaf: 1, trees: 20, max_depth: 24 },
        task: 'binary_classification',
        features: ['a.b'],
        matrix,
        labels,
      },
      () => {},
    );
    const onnx = await runtime.load(await writeOnnx(model, ['a.b']), ['a.b']);
    const { values: answered } = await onnx.scores([values], 400);
    answers(model, matrix).forEach((value, row) => {
      expect(answered[row]).toBeCloseTo(value, 6);
    });
    await onnx.release();
  });
});
