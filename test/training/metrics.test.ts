import { describe, expect, it } from 'vitest';
import {
  accuracy,
  auc,
  brier,
  f1,
  logLoss,
  mae,
  measure,
  precision,
  r2,
  recall,
  rmse,
} from '../../src/training/metrics.ts';

// Golden values: those of the examples in scikit-learn's documentation where it has one, else worked out by hand.
describe('metrics', () => {
  it('auc of the example of sklearn.metrics.roc_auc_score is 0.75', () => {
    expect(auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).toBe(0.75);
  });

  it('auc counts a tie between a positive and a negative as half', () => {
    expect(auc([0, 1], [0.5, 0.5])).toBe(0.5);
    // pairs: (0.2,0.2) ½, (0.2,0.9) 1, (0.9,0.2) 0, (0.9,0.9) ½
    expect(auc([0, 1, 0, 1], [0.2, 0.2, 0.9, 0.9])).toBe(0.5);
    expect(auc([0, 0, 1, 1, 1], [0.1, 0.5, 0.5, 0.7, 0.1])).toBeCloseTo((0.5 + 1 + 1 + 1 + 0.5 + 0) / 6, 15);
  });

  it('auc equals the share of ordered pairs on random answers', () => {
    let state = 7;
    const next = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const labels = Array.from({ length: 300 }, () => (next() < 0.3 ? 1 : 0));
    const answers = labels.map((label) => Math.round((next() + label * 0.2) * 20) / 20);
    let wins = 0;
    let pairs = 0;
    labels.forEach((a, i) => {
      labels.forEach((b, j) => {
        if (a !== 1 || b !== 0) return;
        pairs += 1;
        wins += answers[i]! > answers[j]! ? 1 : answers[i] === answers[j] ? 0.5 : 0;
      });
    });
    expect(auc(labels, answers)).toBeCloseTo(wins / pairs, 12);
  });

  it('counts a probability of exactly one half as positive', () => {
    expect(recall([1], [0.5])).toBe(1);
  });

  it('accuracy, precision, recall and f1 of three hits, one false alarm and two misses', () => {
    const labels = [1, 1, 1, 1, 1, 0, 0, 0];
    const answers = [0.9, 0.8, 0.7, 0.2, 0.1, 0.6, 0.3, 0.2];
    expect(accuracy(labels, answers)).toBe(5 / 8);
    expect(precision(labels, answers)).toBe(3 / 4);
    expect(recall(labels, answers)).toBe(3 / 5);
    expect(f1(labels, answers)).toBe(2 / 3);
  });

  it('log loss of the example of sklearn.metrics.log_loss is 0.21616', () => {
    expect(logLoss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65])).toBeCloseTo(0.21616, 5);
  });

  it('log loss stays finite where the model is sure and wrong', () => {
    expect(logLoss([1], [0])).toBeCloseTo(-Math.log(1e-15), 9);
  });

  it('brier of the example of sklearn.metrics.brier_score_loss is 0.0375', () => {
    expect(brier([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3])).toBeCloseTo(0.0375, 12);
  });

  it('rmse, mae and r2 of the example of sklearn.metrics', () => {
    const labels = [3, -0.5, 2, 7];
    const answers = [2.5, 0.0, 2, 8];
    expect(rmse(labels, answers)).toBeCloseTo(0.6123724356957945, 12);
    expect(mae(labels, answers)).toBe(0.5);
    expect(r2(labels, answers)).toBeCloseTo(0.9486081370449679, 12);
  });

  it('leaves out what the rows do not define, instead of reporting 0', () => {
    const onlyNegatives = measure('binary_classification', [0, 0], [0.1, 0.2]);
    expect(Object.keys(onlyNegatives).sort()).toEqual(['accuracy', 'brier', 'log_loss']);
    expect(measure('regression', [2, 2], [2, 3])).toEqual({ rmse: Math.sqrt(0.5), mae: 0.5 });
    expect(measure('regression', [], [])).toEqual({});
  });
});
