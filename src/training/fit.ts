/** Fits a built-in trainer and writes the model: the part of training that takes the processor, run in a worker. */
import { assertNever } from '../lib/assert.ts';
import type { JsonObject } from '../lib/json.ts';
import { answers, type FittedModel, type TrainerName } from './fitted-model.ts';
import { fitGradientBoosting } from './gradient-boosting.ts';
import { readHyperparameters } from './hyperparameters.ts';
import { fitLogisticRegression } from './logistic-regression.ts';
import type { Matrix } from './matrix.ts';
import { writeOnnx } from './onnx/write-model.ts';
import { fitRandomForest } from './random-forest.ts';

export interface FitRequest {
  readonly trainer: TrainerName;
  readonly params: JsonObject;
  readonly task: 'binary_classification' | 'regression';
  /** `set.feature`, in the order of the matrix's columns. */
  readonly features: readonly string[];
  readonly matrix: Matrix;
  readonly labels: Float64Array;
}

export interface FitResult {
  readonly onnx: Uint8Array;
  /** With the defaults filled in. */
  readonly hyperparameters: JsonObject;
  /** The trainer's own answers for the rows it learned from. */
  readonly answers: Float64Array;
}

export async function fitAndWrite(request: FitRequest, progress: (line: string) => void): Promise<FitResult> {
  const { model, hyperparameters } = fitModel(request, progress);
  return {
    onnx: await writeOnnx(model, request.features),
    hyperparameters,
    answers: answers(model, request.matrix),
  };
}

export function fitModel(
  { trainer, params, task, matrix, labels }: FitRequest,
  progress: (line: string) => void,
): { readonly model: FittedModel; readonly hyperparameters: JsonObject } {
  switch (trainer) {
    case 'gradient_boosting': {
      const settings = readHyperparameters(trainer, params);
      return { model: fitGradientBoosting(matrix, labels, task, settings, progress), hyperparameters: { ...settings } };
    }
    case 'random_forest': {
      const settings = readHyperparameters(trainer, params);
      return { model: fitRandomForest(matrix, labels, task, settings, progress), hyperparameters: { ...settings } };
    }
    case 'logistic_regression': {
      const settings = readHyperparameters(trainer, params);
      return { model: fitLogisticRegression(matrix, labels, settings, progress), hyperparameters: { ...settings } };
    }
    default:
      return assertNever(trainer, 'trainer');
  }
}
