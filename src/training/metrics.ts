/**
 * Measures of a model on labelled rows. Each takes the labels and the model's answers: probabilities of label 1 for a binary
 * label, values else. A measure that the rows do not define (one class only, no positives, no variance) is left out,
 * never reported as 0.
 */

/** At and above it a probability is a 1. */
export const DECISION_THRESHOLD = 0.5;

export const CLASSIFICATION_METRICS = ['auc', 'accuracy', 'precision', 'recall', 'f1', 'log_loss', 'brier'] as const;
export const REGRESSION_METRICS = ['rmse', 'mae', 'r2'] as const;

/** All that fit the task, without the undefined ones. */
export function measure(
  task: 'binary_classification' | 'regression',
  labels: ArrayLike<number>,
  answers: ArrayLike<number>,
): Record<string, number> {
  const values: Record<string, number> =
    task === 'binary_classification'
      ? {
          auc: auc(labels, answers),
          accuracy: accuracy(labels, answers),
          precision: precision(labels, answers),
          recall: recall(labels, answers),
          f1: f1(labels, answers),
          log_loss: logLoss(labels, answers),
          brier: brier(labels, answers),
        }
      : { rmse: rmse(labels, answers), mae: mae(labels, answers), r2: r2(labels, answers) };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}

/**
 * Area under the ROC curve: the chance that a positive gets a higher answer than a negative, ties counting half.
 * By ranks (Mann–Whitney U; J. Hanley, B. McNeil, Radiology 143, 1982): (R₊ - n₊(n₊+1)/2) / (n₊ n₋), ranks of ties averaged.
 */
export function auc(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  const order = Array.from({ length: labels.length }, (_, at) => at).sort((a, b) => answers[a]! - answers[b]!);
  let rankSum = 0;
  let positives = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && answers[order[end]!] === answers[order[start]!]) end += 1;
    const rank = (start + 1 + end) / 2;
    for (let at = start; at < end; at += 1) {
      if (labels[order[at]!] === 1) {
        rankSum += rank;
        positives += 1;
      }
    }
    start = end;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

interface Confusion {
  truePositives: number;
  falsePositives: number;
  trueNegatives: number;
  falseNegatives: number;
}

function confusion(labels: ArrayLike<number>, answers: ArrayLike<number>): Confusion {
  const counts: Confusion = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 };
  for (let at = 0; at < labels.length; at += 1) {
    const positive = answers[at]! >= DECISION_THRESHOLD;
    if (labels[at] === 1) counts[positive ? 'truePositives' : 'falseNegatives'] += 1;
    else counts[positive ? 'falsePositives' : 'trueNegatives'] += 1;
  }
  return counts;
}

/** (TP + TN) / n. */
export function accuracy(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  const { truePositives, trueNegatives } = confusion(labels, answers);
  return (truePositives + trueNegatives) / labels.length;
}

/** TP / (TP + FP); undefined where nothing is predicted positive. */
export function precision(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  const { truePositives, falsePositives } = confusion(labels, answers);
  return truePositives / (truePositives + falsePositives);
}

/** TP / (TP + FN); undefined where no row is positive. */
export function recall(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  const { truePositives, falseNegatives } = confusion(labels, answers);
  return truePositives / (truePositives + falseNegatives);
}

/** 2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall. */
export function f1(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  const { truePositives, falsePositives, falseNegatives } = confusion(labels, answers);
  return (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives);
}

/** -mean(y ln p + (1-y) ln(1-p)), p kept within [1e-15, 1 - 1e-15] as scikit-learn did up to 1.2. */
export function logLoss(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  return mean(labels, (label, at) => {
    const p = Math.min(1 - 1e-15, Math.max(1e-15, answers[at]!));
    return -(label === 1 ? Math.log(p) : Math.log(1 - p));
  });
}

/** mean((p - y)²) (G. Brier, Monthly Weather Review 78, 1950, for two classes). */
export function brier(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  return mean(labels, (label, at) => (answers[at]! - label) ** 2);
}

/** √mean((a - y)²). */
export function rmse(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  return Math.sqrt(mean(labels, (label, at) => (answers[at]! - label) ** 2));
}

/** mean(|a - y|). */
export function mae(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  return mean(labels, (label, at) => Math.abs(answers[at]! - label));
}

/** 1 - Σ(y - a)² / Σ(y - ȳ)²; undefined where all labels are equal. */
export function r2(labels: ArrayLike<number>, answers: ArrayLike<number>): number {
  const average = mean(labels, (label) => label);
  const residual = mean(labels, (label, at) => (label - answers[at]!) ** 2);
  return 1 - residual / mean(labels, (label) => (label - average) ** 2);
}

function mean(labels: ArrayLike<number>, of: (label: number, at: number) => number): number {
  let sum = 0;
  for (let at = 0; at < labels.length; at += 1) sum += of(labels[at]!, at);
  return sum / labels.length;
}
