import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MlopsError } from '../../src/lib/error.ts';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import { checkProfile } from '../../src/stores/reference-profile.ts';
import { fitModel } from '../../src/training/fit.ts';
import { writeOnnx } from '../../src/training/onnx/write-model.ts';
import { createTraining, type Training } from '../../src/training/training.ts';
import type { ReadDataset } from '../../src/training/training-set.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../support/memory-artifacts.ts';
import { columnsOf, randomData } from '../support/random-data.ts';

const data = randomData(21, 1000, 3, 0.1);
const FEATURES = ['labs.a', 'labs.b', 'trend.c'];
const dataset = {
  artifact: 'f'.repeat(64),
  features: FEATURES.map((feature) => ({ feature, column: feature.split('.')[1]!, dtype: 'float64' })),
};

function table(): Record<string, ArrayLike<unknown>> {
  const [a, b, c] = columnsOf(data.matrix);
  return {
    a: Float64Array.from(a!),
    b: Array.from(b!, (value) => (Number.isNaN(value) ? null : value)),
    c: Float64Array.from(c!),
    died: Array.from(data.binary, (value, row) => (row % 50 === 0 ? null : value === 1)),
    cost: data.real,
    constant: new Float64Array(1000).fill(1),
    note: new Array(1000).fill('text'),
    tags: new Array(1000).fill([1, 2]),
    __split: Array.from({ length: 1000 }, (_, row) => (row % 4 === 0 ? 'test' : 'train')),
  };
}

const readDataset: ReadDataset = async (_artifact, columns) => {
  const all = table();
  return {
    rows: 1000,
    columns: Object.fromEntries(columns.filter((name) => all[name] !== undefined).map((name) => [name, all[name]!])),
  };
};

let artifacts: MemoryArtifacts;
let training: Training;
let directory: string;
const lines: string[] = [];
const context = { signal: new AbortController().signal, log: (line: string) => void lines.push(line) };

beforeAll(async () => {
  artifacts = await memoryArtifacts();
  training = createTraining({ readDataset, artifacts, runtime: createOnnxRuntime() });
  directory = await mkdtemp(join(tmpdir(), 'mlops-training-'));
});
afterAll(async () => {
  await artifacts.remove();
  await rm(directory, { recursive: true });
});

async function failure(of: Promise<unknown>): Promise<MlopsError> {
  return of.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: MlopsError) => error,
  );
}

describe('training', () => {
  it('trains in a worker, stores the file and measures it on the test rows', async () => {
    const trained = await training.train(
      { trainer: 'gradient_boosting', dataset, label: 'died', params: { trees: 60 } },
      context,
    );
    expect(trained.metrics['auc']).toBeGreaterThan(0.65);
    expect(trained.metrics['train_auc']).toBeGreaterThan(trained.metrics['auc']!);
    expect(trained.hyperparameters).toMatchObject({ trees: 60, max_depth: 3, seed: 0 });
    expect(trained.signature).toEqual({
      features: FEATURES,
      inputs: [{ name: 'features', dtype: 'float32', shape: [-1, 3] }],
      outputs: [
        { name: 'label', dtype: 'int64', shape: [-1] },
        { name: 'probabilities', dtype: 'float32', shape: [-1, 2] },
      ],
      label: 'died',
      task: 'binary_classification',
    });
    expect((await artifacts.read(trained.artifact)).length).toBeGreaterThan(1000);
    expect(trained.dataset).toBe(dataset);
    expect(lines.some((line) => line.includes('20 rows without a label left out'))).toBe(true);

    const evaluated = await training.evaluate({ model: trained, metrics: null }, context);
    expect(evaluated.rows).toBe(240);
    expect(evaluated.metrics['auc']).toBe(trained.metrics['auc']);
    const some = await training.evaluate({ model: trained, metrics: ['auc', 'brier'] }, context);
    expect(Object.keys(some.metrics).sort()).toEqual(['auc', 'brier']);
  });

  it('makes the same file again from the same request', async () => {
    const request = { trainer: 'random_forest', dataset, label: 'died', params: { trees: 10 } } as const;
    const [first, second] = [await training.train(request, context), await training.train(request, context)];
    expect(second.artifact).toBe(first.artifact);
  });

  it('learns a number where the label is not 0 and 1', async () => {
    const trained = await training.train({ trainer: 'gradient_boosting', dataset, label: 'cost', params: {} }, context);
    expect(trained.signature.task).toBe('regression');
    expect(trained.signature.outputs).toEqual([{ name: 'prediction', dtype: 'float32', shape: [-1, 1] }]);
    expect(trained.metrics['r2']).toBeGreaterThan(0.5);
    expect(trained.metrics['auc']).toBeUndefined();
  });

  it('does not block the event loop while it fits', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 5);
    await training.train({ trainer: 'random_forest', dataset, label: 'died', params: { trees: 1500 } }, context);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });

  it('ends at once when it is aborted', async () => {
    const controller = new AbortController();
    const running = training.train(
      { trainer: 'random_forest', dataset, label: 'died', params: { trees: 10_000, max_depth: 24, min_leaf: 1 } },
      {
        signal: controller.signal,
        log: (line) => line.includes('trees') && controller.abort(new Error('cancelled by a person')),
      },
    );
    expect((await failure(running)).message).toBe('cancelled by a person');
  });

  it.each([
    ['a label that is no column', { label: 'dyed' }, 'has no column "dyed"'],
    ['a label without variety', { label: 'constant' }, 'is 1 in all 750 rows'],
    ['a label of text', { label: 'note' }, 'must be a number or a boolean'],
    ['a label that is a feature', { label: 'a' }, 'is also a feature'],
    [
      'numbers for logistic regression',
      { label: 'cost', trainer: 'logistic_regression' as const },
      'needs a label of 0 and 1',
    ],
    ['an unknown hyperparameter', { params: { treez: 3 } }, 'has no parameter "treez"'],
  ])('refuses %s', async (_name, change, detail) => {
    const request = { trainer: 'gradient_boosting' as const, dataset, label: 'died', params: {}, ...change };
    const error = await failure(training.train(request, context));
    expect(error.code).toBe('MD205');
    expect(error.detail).toContain(detail);
  });

  it('learns from an embedding as from as many features', async () => {
    const [a, b, c] = columnsOf(data.matrix);
    const whole = createTraining({
      readDataset: async () => {
        const embedding = Array.from(b!, (value, row) => (row % 7 === 0 ? null : [value, c![row]!]));
        const of = (column: Float32Array): Float64Array =>
          Float64Array.from(column, (value, row) => (row % 7 === 0 ? Number.NaN : value));
        return { rows: 1000, columns: { ...table(), a: Float64Array.from(a!), b: of(b!), c: of(c!), embedding } };
      },
      artifacts,
      runtime: createOnnxRuntime(),
    });
    const features = [dataset.features[0]!, { feature: 'labs.embedding', column: 'embedding', dtype: 'vector<2>' }];
    const train = (of: typeof dataset) =>
      whole.train({ trainer: 'gradient_boosting', dataset: of, label: 'died', params: {} }, context);
    const [one, each] = [await train({ ...dataset, features }), await train(dataset)];
    expect(one.metrics).toEqual(each.metrics);
    expect(one.signature).toMatchObject({ features: ['labs.a', 'labs.embedding'], widths: [1, 2] });
    expect(each.signature.widths).toBeUndefined();
    const evaluated = await whole.evaluate({ model: one, metrics: ['auc'] }, context);
    expect(evaluated.metrics).toEqual({ auc: one.metrics['auc'] });
  });

  it.each([
    ['text', { feature: 'labs.note', column: 'note', dtype: 'string' }],
    ['lists of any length', { feature: 'labs.tags', column: 'tags', dtype: 'array<float64>' }],
    [
      'time, which no served model would get as a number',
      { feature: 'labs.since', column: 'cost', dtype: 'timestamp' },
    ],
  ])('refuses features of %s by name', async (_, feature) => {
    const withText = { ...dataset, features: [...dataset.features, feature] };
    const error = await failure(
      training.train({ trainer: 'random_forest', dataset: withText, label: 'died', params: {} }, context),
    );
    expect(error.detail).toContain(`none of them: ${feature.feature}`);
  });

  it('adopts a file that a program wrote: its signature is read, its figures measured, the program’s own kept', async () => {
    const { model } = fitModel(
      {
        trainer: 'logistic_regression',
        params: {},
        task: 'binary_classification',
        features: FEATURES,
        matrix: data.matrix,
        labels: data.binary,
      },
      () => {},
    );
    const onnxPath = join(directory, 'model.onnx');
    const notes = join(directory, 'notes.txt');
    await writeFile(onnxPath, await writeOnnx(model, FEATURES));
    await writeFile(notes, 'trained elsewhere');
    const adopted = await training.adoptTrained(
      {
        onnxPath,
        dataset,
        label: 'died',
        metrics: { cv_auc: 0.8 },
        hyperparameters: { c: 1 },
        extraFiles: [{ path: 'notes.txt', file: notes }],
      },
      context,
    );
    expect(adopted.metrics).toMatchObject({ cv_auc: 0.8 });
    expect(adopted.metrics['auc']).toBeGreaterThan(0.7);
    expect(adopted.signature.task).toBe('binary_classification');
    expect(adopted.trainer).toBe('command');
    expect(adopted.extraArtifacts).toEqual([
      { path: 'profile.json', digest: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: expect.any(Number) },
      { path: 'notes.txt', digest: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: 17 },
    ]);
  });

  it('freezes what was learned from with the model: inputs of the train rows, answers to the test rows', async () => {
    const trained = await training.train(
      { trainer: 'logistic_regression', dataset, label: 'died', params: {} },
      context,
    );
    const [{ path, digest }] = trained.extraArtifacts as unknown as [{ path: string; digest: string }];
    expect(path).toBe('profile.json');
    const profile = checkProfile(JSON.parse(Buffer.from(await artifacts.read(digest)).toString('utf8')));
    expect(Object.keys(profile.inputs)).toEqual(FEATURES);
    // Without those that have no label.
    const kept = Array.from({ length: 1000 }, (_, row) => row).filter((row) => row % 50 !== 0);
    const train = kept.filter((row) => row % 4 !== 0);
    const b = train.map((row) => table()['b']![row]).filter((value) => value !== null) as number[];
    expect(profile.inputs['labs.b']).toMatchObject({
      kind: 'number',
      count: train.length,
      nulls: train.length - b.length,
      min: Math.min(...b),
      max: Math.max(...b),
      mean: expect.closeTo(b.reduce((sum, value) => sum + value, 0) / b.length, 9),
    });
    expect(profile.outputs['probability']).toMatchObject({ count: kept.length - train.length, nulls: 0 });
    const again = await training.train({ trainer: 'logistic_regression', dataset, label: 'died', params: {} }, context);
    expect(again.extraArtifacts).toEqual(trained.extraArtifacts);
  });

  it('refuses an adopted file that is missing, damaged, or of other features', async () => {
    const request = { dataset, label: 'died', metrics: {}, hyperparameters: {}, extraFiles: [] };
    const missing = await failure(
      training.adoptTrained({ ...request, onnxPath: join(directory, 'nothing.onnx') }, context),
    );
    expect(missing.code).toBe('MD205');

    const damaged = join(directory, 'damaged.onnx');
    await writeFile(damaged, 'not a model');
    expect((await failure(training.adoptTrained({ ...request, onnxPath: damaged }, context))).code).toBe('MD204');

    const other = randomData(1, 50, 2);
    const { model } = fitModel(
      {
        trainer: 'logistic_regression',
        params: {},
        task: 'binary_classification',
        features: [],
        matrix: other.matrix,
        labels: other.binary,
      },
      () => {},
    );
    const narrow = join(directory, 'narrow.onnx');
    await writeFile(narrow, await writeOnnx(model, ['x.y', 'x.z']));
    const error = await failure(training.adoptTrained({ ...request, onnxPath: narrow }, context));
    expect(error.code).toBe('MD204');
    expect(error.detail).toContain('takes 2 columns, but there are 3 features');
  });
});
