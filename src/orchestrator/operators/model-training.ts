/** model_training: a built-in trainer, or a program that leaves model.onnx (and, if it likes, metrics.json and flavour.json) in its directory. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { TaskOf } from '../../spec/canonical-specs.ts';
import type { ProcessResult } from '../runners/process-runner.ts';
import type { TrainedModel, TrainingDataset } from '../services.ts';
import { FLAVOUR_FILE, readFlavour } from './flavour-file.ts';
import type { Operator, OperatorContext } from './operator.ts';
import { type Program, pythonProgram } from './python-program.ts';
import { asOutputs, fromOutputs, nearestOf } from './upstream-outputs.ts';

const MODEL_FILE = 'model.onnx';
const METRICS_FILE = 'metrics.json';

export const modelTraining: Operator<'model_training'> = async (task, context) => {
  const dataset = fromOutputs<TrainingDataset>(nearestOf('training_dataset', 'a training set', context).outputs);
  const hyperparameters: JsonObject = task.params ?? {};
  const program = programOf(task);
  const trained =
    program === undefined
      ? await withBuiltIn(task, dataset, hyperparameters, context)
      : await withProgram(task, program, dataset, hyperparameters, context);
  context.log(`trained by ${trained.trainer}: ${metricsLine(trained.metrics)}`);
  return asOutputs(trained);
};

function programOf({ command, python, env }: TaskOf<'model_training'>): Program | undefined {
  if (python !== undefined) return pythonProgram(python, env);
  return command === undefined ? undefined : { command, variables: {} };
}

function withBuiltIn(
  task: TaskOf<'model_training'>,
  dataset: TrainingDataset,
  params: JsonObject,
  context: OperatorContext,
): Promise<TrainedModel> {
  if (task.trainer === undefined) {
    throw new MlopsError('PL206', {
      detail: `The task ${context.task} names neither a trainer nor a program.`,
      hint: 'add trainer: gradient_boosting, logistic_regression or random_forest, or a command that writes model.onnx',
      address: `pipeline.${context.pipeline}`,
    });
  }
  return context.services.train({ trainer: task.trainer, dataset, label: task.label, params }, context);
}

async function withProgram(
  task: TaskOf<'model_training'>,
  program: Program,
  dataset: TrainingDataset,
  hyperparameters: JsonObject,
  context: OperatorContext,
): Promise<TrainedModel> {
  const datasetFile = await context.services.artifactFile(dataset.artifact);
  return context.runProcess(
    {
      ...program,
      env: task.env ?? {},
      bundle: task.bundle,
      variables: { ...program.variables, MLOPS_DATASET: datasetFile, MLOPS_LABEL: task.label },
      files: {
        MLOPS_HYPERPARAMETERS: hyperparameters,
        MLOPS_FEATURES: dataset.features.map(({ feature, column, dtype }) => ({ feature, column, dtype })),
      },
    },
    async (result) => {
      const left = await filesLeft(result, new Set(Object.keys(task.bundle?.files ?? {})));
      if (!left.includes(MODEL_FILE)) {
        throw new MlopsError('MD204', {
          detail: `The program of task ${context.task} ended without leaving ${MODEL_FILE} in its directory.`,
          hint: `write the model as ONNX to ./${MODEL_FILE}`,
        });
      }
      const flavour = left.includes(FLAVOUR_FILE) ? await readFlavour(join(result.directory, FLAVOUR_FILE)) : {};
      const trained = await context.services.adoptTrained(
        {
          onnxPath: join(result.directory, MODEL_FILE),
          dataset,
          label: task.label,
          metrics: left.includes(METRICS_FILE) ? await readMetrics(join(result.directory, METRICS_FILE)) : {},
          hyperparameters,
          extraFiles: left
            .filter((path) => path !== MODEL_FILE && path !== METRICS_FILE && path !== FLAVOUR_FILE)
            .map((path) => ({ path, file: join(result.directory, path) })),
        },
        context,
      );
      return { ...trained, ...flavour };
    },
  );
}

/** Plain files that the program added, by path with forward slashes; neither what it was given nor links. */
async function filesLeft({ directory }: ProcessResult, given: ReadonlySet<string>): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true });
  const files: string[] = [];
  for (const entry of entries.sort()) {
    const path = relative(directory, join(directory, entry)).split(sep).join('/');
    if (!given.has(path) && !path.includes('__pycache__/') && (await lstat(join(directory, entry))).isFile())
      files.push(path);
  }
  return files;
}

async function readMetrics(file: string): Promise<Readonly<Record<string, number>>> {
  const problem = (why: string): MlopsError =>
    new MlopsError('PL203', {
      detail: `${METRICS_FILE} ${why}.`,
      hint: 'write an object of names and numbers, e.g. {"auc": 0.91}',
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    throw problem('is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw problem('is not an object');
  const metrics: Record<string, number> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw problem(`gives ${name} a value that is no finite number`);
    metrics[name] = value;
  }
  return metrics;
}

export function metricsLine(metrics: Readonly<Record<string, number>>): string {
  const entries = Object.entries(metrics);
  if (entries.length === 0) return 'no metrics';
  return entries.map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`).join(', ');
}
