/**
 * Training as the pipeline's operators use it: fit a built-in trainer, adopt a model that a program wrote, measure one.
 * Every measure is taken from the ONNX file itself, the way it will be served, on the rows of the test split.
 */
import { readFile } from 'node:fs/promises';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { ModelSignature } from '../stores/control/registry.ts';
import { checkProfile, PROFILE_FILE, type ReferenceProfile } from '../stores/reference-profile.ts';
import { fitInWorker } from './fit-in-worker.ts';
import type { TrainerName } from './fitted-model.ts';
import { freezeProfile } from './freeze-profile.ts';
import { CLASSIFICATION_METRICS, measure, REGRESSION_METRICS } from './metrics.ts';
import type { ModelRuntime, RunnableModel } from './model-runtime.ts';
import {
  columnsAt,
  labelsAt,
  matrixAt,
  type ReadDataset,
  type RecordedDataset,
  readTrainingSet,
  type TrainingSet,
} from './training-set.ts';

export interface TrainingDependencies {
  readonly readDataset: ReadDataset;
  readonly artifacts: ArtifactStore;
  readonly runtime: ModelRuntime;
}

export interface TrainingContext {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** A model as training leaves it; `Dataset` is passed through untouched. */
export interface Trained<Dataset extends RecordedDataset> {
  readonly artifact: string;
  readonly framework: string;
  readonly trainer: string;
  readonly hyperparameters: JsonObject;
  readonly metrics: Readonly<Record<string, number>>;
  readonly signature: ModelSignature;
  readonly dataset: Dataset;
  readonly extraArtifacts: readonly { readonly path: string; readonly digest: string; readonly bytes: number }[];
}

export interface Training {
  train<D extends RecordedDataset>(
    request: {
      readonly trainer: TrainerName;
      readonly dataset: D;
      readonly label: string;
      readonly params: JsonObject;
    },
    context: TrainingContext,
  ): Promise<Trained<D>>;
  adoptTrained<D extends RecordedDataset>(
    request: {
      readonly onnxPath: string;
      readonly dataset: D;
      readonly label: string;
      readonly metrics: Readonly<Record<string, number>>;
      readonly hyperparameters: JsonObject;
      readonly extraFiles: readonly { readonly path: string; readonly file: string }[];
    },
    context: TrainingContext,
  ): Promise<Trained<D>>;
  evaluate<D extends RecordedDataset>(
    request: { readonly model: Trained<D>; readonly metrics: readonly string[] | null },
    context: TrainingContext,
  ): Promise<{ readonly metrics: Readonly<Record<string, number>>; readonly rows: number }>;
}

/** Largest difference allowed between the trainer's answers and the file's, relative to answers beyond 1. */
const FILE_TOLERANCE = 1e-4;

export function createTraining({ readDataset, artifacts, runtime }: TrainingDependencies): Training {
  const withModel = async <T>(
    content: Uint8Array,
    features: Pick<ModelSignature, 'features' | 'widths'>,
    use: (model: RunnableModel) => Promise<T>,
  ): Promise<T> => {
    const model = await runtime.load(content, features.features, features.widths);
    try {
      return await use(model);
    } finally {
      await model.release();
    }
  };

  const storeProfile = async (profile: ReferenceProfile) => ({
    path: PROFILE_FILE,
    ...(await artifacts.put(Buffer.from(JSON.stringify(profile)))),
  });

  const train: Training['train'] = async ({ trainer, dataset, label, params }, { signal, log }) => {
    const set = await readTrainingSet(readDataset, dataset, label, signal);
    log(describe(set, label));
    refuseUnlearnable(set, trainer, label);
    const matrix = matrixAt(set, set.trainRows);
    const { onnx, hyperparameters, answers } = await fitInWorker(
      { trainer, params, task: set.task, features: set.features, matrix, labels: labelsAt(set, set.trainRows) },
      { signal, progress: log },
    );
    const { metrics, signature, profile } = await withModel(onnx, set, async (model) => {
      const { values } = await model.scores(columnsAt(set, set.trainRows), set.trainRows.length);
      holdToTrainer(answers, values, trainer);
      return {
        metrics: { ...(await testMetrics(model, set, log)), ...trainMetrics(set, values) },
        signature: signatureOf(model, set, label, set.task),
        profile: await freezeProfile(model, set, set.task),
      };
    });
    const stored = await artifacts.put(onnx);
    return {
      artifact: stored.digest,
      framework: 'onnx',
      trainer,
      hyperparameters,
      metrics,
      signature,
      dataset,
      extraArtifacts: [await storeProfile(profile)],
    };
  };

  const adoptTrained: Training['adoptTrained'] = async (request, { signal, log }) => {
    const { onnxPath, dataset, label, hyperparameters } = request;
    const content = await readFile(onnxPath).catch((cause: unknown) => {
      throw new MlopsError('MD205', {
        detail: `The program left no model at ${onnxPath}.`,
        hint: 'write model.onnx to the working directory',
        cause,
      });
    });
    const set = await readTrainingSet(readDataset, dataset, label, signal);
    log(describe(set, label));
    const { metrics, signature, profile } = await withModel(content, set, async (model) => {
      const measured = await testMetrics(model, set, log);
      const task = await taskOf(model, set);
      return {
        metrics: { ...measured, ...request.metrics },
        signature: signatureOf(model, set, label, task),
        profile: await freezeProfile(model, set, task),
      };
    });
    const stored = await artifacts.put(content);
    const extraArtifacts = [];
    // A program's own profile counts for more than ours: it may know rows that were left out here.
    const own = request.extraFiles.find(({ path }) => path === PROFILE_FILE);
    if (own === undefined) extraArtifacts.push(await storeProfile(profile));
    else checkProfile(await jsonOf(own.file));
    for (const { path, file } of request.extraFiles) extraArtifacts.push({ path, ...(await artifacts.putFile(file)) });
    return {
      artifact: stored.digest,
      framework: 'onnx',
      trainer: 'command',
      hyperparameters,
      metrics,
      signature,
      dataset,
      extraArtifacts,
    };
  };

  const evaluate: Training['evaluate'] = async ({ model, metrics }, { signal, log }) => {
    const { label } = model.signature;
    if (label === null)
      throw new MlopsError('MD205', {
        detail: 'The model names no label, so there is nothing to measure it by.',
        status: 422,
      });
    refuseUnknownMetrics(metrics);
    const set = await readTrainingSet(readDataset, model.dataset, label, signal);
    const content = await artifacts.read(model.artifact);
    const measured = await withModel(content, model.signature, (loaded) => testMetrics(loaded, set, log));
    const wanted = metrics === null ? measured : pick(measured, metrics);
    return { metrics: wanted, rows: set.testRows.length };
  };

  return { train, adoptTrained, evaluate };
}

async function jsonOf(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

async function testMetrics(
  model: RunnableModel,
  set: TrainingSet,
  log: (line: string) => void,
): Promise<Record<string, number>> {
  const rows = set.testRows;
  if (rows.length === 0) {
    log('no test rows: nothing is measured');
    return {};
  }
  const { values } = await model.scores(columnsAt(set, rows), rows.length);
  const metrics = measure(set.task, labelsAt(set, rows), values);
  const figures = Object.entries(metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  log(`measured on ${rows.length} test rows: ${figures.join(', ')}`);
  return metrics;
}

/** How well it fits what it learned from, as `train_auc`, …: far above the test's figures, it has learned by heart. */
function trainMetrics(set: TrainingSet, values: Float64Array): Record<string, number> {
  const metrics = measure(set.task, labelsAt(set, set.trainRows), values);
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`train_${name}`, value]));
}

/** A model that answers one number within [0, 1] for a 0/1 label answers its probability. */
async function taskOf(model: RunnableModel, set: TrainingSet): Promise<ModelSignature['task']> {
  const rows = set.trainRows.subarray(0, 100);
  const { task, values } = await model.scores(columnsAt(set, rows), rows.length);
  if (task !== 'regression' || set.task === 'regression') return task;
  return values.every((value) => value >= 0 && value <= 1) ? 'binary_classification' : 'regression';
}

function signatureOf(
  model: RunnableModel,
  set: TrainingSet,
  label: string,
  task: ModelSignature['task'],
): ModelSignature {
  const widths = set.widths.some((width) => width !== 1) ? { widths: set.widths } : {};
  return { features: set.features, ...widths, inputs: model.inputs, outputs: model.outputs, label, task };
}

function describe(set: TrainingSet, label: string): string {
  const positives = set.labels.reduce((sum, value) => sum + value, 0);
  const what = set.task === 'binary_classification' ? `${positives} with ${label} = 1` : `${label} is a number`;
  const left = set.unlabelled === 0 ? '' : `, ${set.unlabelled} rows without a label left out`;
  return `${set.trainRows.length} rows to train on, ${set.testRows.length} to test, ${set.features.length} features; ${what}${left}`;
}

function refuseUnlearnable(set: TrainingSet, trainer: TrainerName, label: string): void {
  const labels = labelsAt(set, set.trainRows);
  const refuse = (detail: string, hint?: string): never => {
    throw new MlopsError('MD205', { detail, hint, status: 422 });
  };
  if (labels.length === 0) refuse('The training set has no labelled rows in its train split.');
  if (labels.every((value) => value === labels[0])) {
    refuse(
      `The label "${label}" is ${labels[0]} in all ${labels.length} rows of the train split: there is nothing to learn.`,
    );
  }
  if (trainer === 'logistic_regression' && set.task === 'regression') {
    refuse(
      `logistic_regression needs a label of 0 and 1, but "${label}" holds other numbers.`,
      'use gradient_boosting or random_forest',
    );
  }
}

/** The file must answer as the trainer does; anything else is our mistake and must not reach a patient. */
function holdToTrainer(expected: Float64Array, observed: Float64Array, trainer: TrainerName): void {
  for (let row = 0; row < expected.length; row += 1) {
    const difference = Math.abs(expected[row]! - observed[row]!);
    if (!(difference <= FILE_TOLERANCE * Math.max(1, Math.abs(expected[row]!)))) {
      throw new MlopsError('MD205', {
        detail: `The ONNX file of ${trainer} answers ${observed[row]} where the trainer answers ${expected[row]} (training row ${row}).`,
      });
    }
  }
}

function refuseUnknownMetrics(metrics: readonly string[] | null): void {
  const known: readonly string[] = [...CLASSIFICATION_METRICS, ...REGRESSION_METRICS];
  const unknown = metrics?.find((metric) => !known.includes(metric));
  if (unknown === undefined) return;
  throw new MlopsError('MD205', {
    detail: `There is no metric "${unknown}".`,
    hint: didYouMean(unknown, known),
    status: 422,
  });
}

function pick(measured: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(Object.entries(measured).filter(([name]) => names.includes(name)));
}
