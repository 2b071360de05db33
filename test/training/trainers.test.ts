import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MlopsError } from '../../src/lib/error.ts';
import { fitModel } from '../../src/training/fit.ts';
import { answers, type FittedModel, type TrainerName } from '../../src/training/fitted-model.ts';
import { readHyperparameters } from '../../src/training/hyperparameters.ts';
import { auc, measure } from '../../src/training/metrics.ts';
import { writeOnnx } from '../../src/training/onnx/write-model.ts';
import { randomData } from '../support/random-data.ts';

const TRAINERS: readonly TrainerName[] = ['logistic_regression', 'gradient_boosting', 'random_forest'];
const quiet = () => {};

describe('trainers', () => {
  it.each(TRAINERS)('%s makes the same bytes from the same data and seed', async (trainer) => {
    const { matrix, binary } = randomData(3, 400, 5);
    const request = {
      trainer,
      params: {},
      task: 'binary_classification',
      features: ['a.b'],
      matrix,
      labels: binary,
    } as const;
    const bytes = async () => Buffer.from(await writeOnnx(fitModel(request, quiet).model, ['a.b'])).toString('base64');
    expect(await bytes()).toBe(await bytes());
  });

  it.each(['gradient_boosting', 'random_forest'] as const)('%s makes another model from another seed', (trainer) => {
    const { matrix, binary } = randomData(3, 400, 5);
    const fitted = (seed: number) =>
      fitModel(
        { trainer, params: { seed }, task: 'binary_classification', features: [], matrix, labels: binary },
        quiet,
      ).model;
    expect(answers(fitted(1), matrix)).not.toEqual(answers(fitted(2), matrix));
  });

  it('a boosted stump finds the split and the leaf values of XGBoost', () => {
    // one step, squared loss, λ = 1: base = mean = 3; leaves -G/(H+λ) = (n/(n+1)) · (mean of the side - base)
    const matrix = { rows: 4, columns: 1, values: Float32Array.of(1, 2, 10, 11) };
    const params = { trees: 1, max_depth: 1, learning_rate: 1, subsample: 1, min_child_weight: 1 };
    const labels = Float64Array.of(0, 2, 4, 6);
    const { model } = fitModel(
      { trainer: 'gradient_boosting', params, task: 'regression', features: [], matrix, labels },
      quiet,
    );
    const tree = (model as Extract<FittedModel, { kind: 'trees' }>).ensemble.trees[0]!;
    expect(tree.threshold[0]).toBe(6);
    expect([...answers(model, matrix)].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([
      1.666667, 1.666667, 4.333333, 4.333333,
    ]);
  });

  it.each(['gradient_boosting', 'random_forest'] as const)('%s learns from which values are missing', (trainer) => {
    const { matrix, binary } = randomData(11, 800, 2, 0);
    const values = matrix.values.slice();
    for (let row = 0; row < 800; row += 1) if (binary[row] === 1) values[row * 2] = Number.NaN;
    const informative = { ...matrix, values };
    const request = {
      trainer,
      params: {},
      task: 'binary_classification',
      features: [],
      matrix: informative,
      labels: binary,
    } as const;
    expect(auc(binary, answers(fitModel(request, quiet).model, informative))).toBeGreaterThan(0.99);
  });

  it('logistic regression reaches the optimum: the penalised gradient is zero there', () => {
    const { matrix, binary } = randomData(5, 500, 3, 0);
    const { model } = fitModel(
      {
        trainer: 'logistic_regression',
        params: { l2: 2 },
        task: 'binary_classification',
        features: [],
        matrix,
        labels: binary,
      },
      quiet,
    );
    const fitted = model as Extract<FittedModel, { kind: 'logistic' }>;
    const p = answers(fitted, matrix);
    expect(p.reduce((sum, value, row) => sum + value - binary[row]!, 0)).toBeCloseTo(0, 3);
    for (let column = 0; column < 3; column += 1) {
      let squares = 0;
      for (let row = 0; row < 500; row += 1) squares += (matrix.values[row * 3 + column]! - fitted.means[column]!) ** 2;
      const sd = Math.sqrt(squares / 500);
      let gradient = 2 * fitted.weights[column]! * sd;
      for (let row = 0; row < 500; row += 1) {
        gradient += ((p[row]! - binary[row]!) * (matrix.values[row * 3 + column]! - fitted.means[column]!)) / sd;
      }
      expect(gradient).toBeCloseTo(0, 2);
    }
  });

  it('logistic regression stays finite on separable data, constant and empty columns', () => {
    const values = Float32Array.from({ length: 300 }, (_, at) => (at % 3 === 0 ? at : at % 3 === 1 ? 7 : Number.NaN));
    const labels = Float64Array.from({ length: 100 }, (_, row) => (row < 50 ? 0 : 1));
    const matrix = { rows: 100, columns: 3, values };
    const { model } = fitModel(
      {
        trainer: 'logistic_regression',
        params: { l2: 0 },
        task: 'binary_classification',
        features: [],
        matrix,
        labels,
      },
      quiet,
    );
    const p = answers(model, matrix);
    expect(p.every(Number.isFinite)).toBe(true);
    expect(auc(labels, p)).toBe(1);
  });

  it('more than 255 distinct values are cut at quantiles without losing the signal', () => {
    const { matrix, real } = randomData(9, 5000, 3, 0.05);
    for (const trainer of ['gradient_boosting', 'random_forest'] as const) {
      const { model } = fitModel(
        { trainer, params: {}, task: 'regression', features: [], matrix, labels: real },
        quiet,
      );
      const unseen = randomData(10, 2000, 3, 0.05);
      expect(measure('regression', unseen.real, answers(model, unseen.matrix)).r2, trainer).toBeGreaterThan(0.75);
    }
  });

  it('names every wrong hyperparameter at once, with what was meant', () => {
    const attempt = () => readHyperparameters('gradient_boosting', { learning_rat: 0.1, trees: 0, max_depth: 2.5 });
    expect(attempt).toThrow(MlopsError);
    try {
      attempt();
    } catch (error) {
      const { code, detail, hint } = error as MlopsError;
      expect(code).toBe('MD205');
      expect(detail).toContain('"learning_rat"');
      expect(detail).toContain('"trees" is 0');
      expect(detail).toContain('"max_depth" is 2.5');
      expect(hint).toBe('did you mean "learning_rate"?');
    }
  });
});

describe('one-year mortality of real patients, whole patients held out', () => {
  const { matrix, labels, patients } = mortality();

  it.each(TRAINERS)('%s with its defaults reaches a mean AUC of 0.9 over five folds', (trainer) => {
    const folds = [0, 1, 2, 3, 4].map((fold) => {
      const inFold = (test: boolean) => [...labels.keys()].filter((row) => (patients[row]! % 5 === fold) === test);
      const [train, test] = [inFold(false), inFold(true)];
      const take = (rows: number[]) => ({
        rows: rows.length,
        columns: matrix.columns,
        values: Float32Array.from(rows.flatMap((row) => [...matrix.values.subarray(row * 7, row * 7 + 7)])),
      });
      const { model } = fitModel(
        {
          trainer,
          params: {},
          task: 'binary_classification',
          features: [],
          matrix: take(train),
          labels: Float64Array.from(train, (row) => labels[row]!),
        },
        quiet,
      );
      return auc(
        test.map((row) => labels[row]!),
        answers(model, take(test)),
      );
    });
    expect(folds.reduce((sum, value) => sum + value, 0) / 5).toBeGreaterThan(0.9);
    expect(Math.min(...folds)).toBeGreaterThan(0.85);
  });
});

function mortality() {
  const file = new URL('../../examples/healthcare/data/pbcseq.csv', import.meta.url);
  const [header, ...lines] = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  const names = header!.map((name) => name.replaceAll('"', ''));
  const rows = lines.map((cells) => {
    const value = (name: string) =>
      cells[names.indexOf(name)] === 'NA' ? Number.NaN : Number(cells[names.indexOf(name)]);
    return {
      id: value('id'),
      day: value('day'),
      futime: value('futime'),
      status: value('status'),
      bili: value('bili'),
      albumin: value('albumin'),
      protime: value('protime'),
      platelet: value('platelet'),
    };
  });
  const known = rows.filter(({ status, futime, day }) => status === 2 || futime - day > 365);
  const values = known.flatMap((visit) => {
    const year = rows.filter(({ id, day }) => id === visit.id && day <= visit.day && day >= visit.day - 365);
    const first = year.reduce((a, b) => (a.day <= b.day ? a : b));
    return [
      visit.bili,
      visit.albumin,
      visit.protime,
      visit.platelet,
      visit.bili / visit.albumin,
      year.length,
      visit.bili - first.bili,
    ];
  });
  return {
    matrix: { rows: known.length, columns: 7, values: Float32Array.from(values) },
    labels: known.map(({ status, futime, day }) => (status === 2 && futime - day <= 365 ? 1 : 0)),
    patients: known.map(({ id }) => id),
  };
}
