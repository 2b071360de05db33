/** What the built-in trainers write, from random rows of a seed. */
import { fitModel } from '../../src/training/fit.ts';
import type { TrainerName } from '../../src/training/fitted-model.ts';
import { writeOnnx } from '../../src/training/onnx/write-model.ts';
import { randomData } from './random-data.ts';

export function trainedModel(trainer: TrainerName, columns = 6): Promise<Uint8Array> {
  const features = Array.from({ length: columns }, (_, at) => `labs.f${at}`);
  const { matrix, binary } = randomData(5, 400, columns);
  const task = 'binary_classification';
  const { model } = fitModel({ trainer, params: {}, task, features, matrix, labels: binary }, () => {});
  return writeOnnx(model, features);
}
