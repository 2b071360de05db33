/** A model's numbers as the answer to a person: what each row of an answer says. */
import type { JsonObject } from '../lib/json.ts';
import type { ModelSignature } from '../stores/control/registry.ts';
import type { ModelAnswer } from './onnx-runtime.ts';

/**
 * binary_classification: `{label, probability}`, the probability of label 1. regression: `{value}`.
 * other: `{values}`, and `{label}` where the model names one.
 */
export type Prediction = JsonObject;

const DECISION_THRESHOLD = 0.5;

/** `task` is what the version's signature says, null where it says nothing. */
export function predictionsOf(answer: ModelAnswer, task: ModelSignature['task'] | null): readonly Prediction[] {
  return Array.from({ length: answer.rows }, (_, row) => predictionOf(answer, row, task ?? answer.task));
}

export function predictionOf(answer: ModelAnswer, row: number, task: ModelSignature['task']): Prediction {
  const { width, values, labels } = answer;
  const label = labels?.[row];
  if (width > 2 || task === 'other') {
    const numbers = Array.from({ length: width }, (_, at) => values[row * width + at]!);
    return label === undefined ? { values: numbers } : { label, values: numbers };
  }
  const value = values[row * width + width - 1]!;
  if (task === 'regression') return { value };
  return { label: label ?? (value >= DECISION_THRESHOLD ? 1 : 0), probability: value };
}
