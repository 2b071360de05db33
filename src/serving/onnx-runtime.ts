/**
 * ONNX models by onnxruntime-node, which is imported when the first model is loaded and not before.
 * One thread per session by default: at the batch sizes of online serving more threads cost latency; many requests at once use
 * the cores better than one.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { MlopsError } from '../lib/error.ts';
import type { ModelSignature, TensorSpec } from '../stores/control/registry.ts';
import { type Column, featureTypes, feedsOf, planInputs, planOutputs, unfit } from './onnx-tensors.ts';

export interface OnnxRuntimeOptions {
  /** Threads within one operation. Default 1. */
  readonly threads?: number;
}

/** What a model answered for a batch: `width` numbers a row. */
export interface ModelAnswer {
  readonly task: ModelSignature['task'];
  readonly rows: number;
  readonly width: number;
  /** Row by row. */
  readonly values: ArrayLike<number>;
  /** The class that the model itself named, a row each. */
  readonly labels: ArrayLike<number | string> | undefined;
}

export interface OnnxModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** The tensor type that each feature becomes; undefined where the model does not read it. */
  readonly featureTypes: readonly (string | undefined)[];
  /** How many numbers each feature is: more than one for an embedding, whose values are lists. */
  readonly featureWidths: readonly number[];
  /** A column a feature, in the order of the features it was loaded with; null or NaN where a value is missing. */
  answer(columns: readonly Column[], rows: number): Promise<ModelAnswer>;
  /** One number a row: the probability of label 1, or the value. MD204 where the model answers several. */
  scores(
    columns: readonly Column[],
    rows: number,
  ): Promise<{ readonly task: ModelSignature['task']; readonly values: Float64Array }>;
  release(): Promise<void>;
}

export interface OnnxRuntime {
  /** MD204 where the bytes are no ONNX model, or none that takes these features. `widths`: how many columns each fills; default one. */
  load(content: Uint8Array, features: readonly string[], widths?: readonly number[]): Promise<OnnxModel>;
}

/** Where a model only takes batches of one size. */
const ANY_BATCH = -1;

export function createOnnxRuntime({ threads = 1 }: OnnxRuntimeOptions = {}): OnnxRuntime {
  return {
    load: async (content, features, widths = []) => {
      const ort = await importRuntime();
      const session = await openSession(ort, content, threads);
      try {
        return modelOf(
          ort,
          session,
          features,
          features.map((_, at) => widths[at] ?? 1),
        );
      } catch (error) {
        await session.release();
        throw error;
      }
    },
  };
}

type Ort = typeof import('onnxruntime-node');

async function importRuntime(): Promise<Ort> {
  const imported = await import('onnxruntime-node');
  return (imported as { default?: Ort }).default ?? imported;
}

async function openSession(ort: Ort, content: Uint8Array, threads: number): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(content, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    });
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
    throw new MlopsError('MD204', { detail: `ONNX Runtime does not load the file: ${reason}`, status: 422, cause });
  }
}

function modelOf(
  ort: Ort,
  session: InferenceSession,
  features: readonly string[],
  widths: readonly number[],
): OnnxModel {
  const inputs = session.inputMetadata.map(tensorSpec('input'));
  const outputs = session.outputMetadata.map(tensorSpec('output'));
  const inputPlan = planInputs(inputs, features, widths);
  const outputPlan = planOutputs(outputs);
  const fetches =
    outputPlan.label === undefined ? [outputPlan.answer.name] : [outputPlan.answer.name, outputPlan.label.name];
  const batch = Math.max(...inputs.map(({ shape }) => shape[0] ?? ANY_BATCH));

  const run = async (columns: readonly Column[], from: number, to: number): Promise<ModelAnswer> => {
    const rows = to - from;
    const results = await session.run(feedsOf(inputPlan, columns, from, to, ort.Tensor), fetches);
    const tensor = results[outputPlan.answer.name]!;
    const width = rows === 0 ? 1 : tensor.size / rows;
    if (!Number.isInteger(width) || width < 1) {
      throw unfit(`its output "${outputPlan.answer.name}" has shape [${tensor.dims.join(', ')}] for ${rows} rows`);
    }
    const labels = outputPlan.label === undefined ? undefined : results[outputPlan.label.name];
    return {
      task: taskOf(width, outputPlan.answer.name),
      rows,
      width,
      values: numbersOf(tensor),
      labels: labels === undefined || labels.size !== rows ? undefined : labelsOf(labels),
    };
  };

  const answer = async (columns: readonly Column[], rows: number): Promise<ModelAnswer> => {
    if (batch === ANY_BATCH || batch === rows) return run(columns, 0, rows);
    if (batch !== 1) throw unfit(`it only takes batches of ${batch} rows; export it with a dynamic first dimension`);
    const parts: ModelAnswer[] = [];
    for (let row = 0; row < rows; row += 1) parts.push(await run(columns, row, row + 1));
    return joined(parts);
  };

  return {
    inputs,
    outputs,
    featureTypes: featureTypes(inputPlan, features.length),
    featureWidths: widths,
    answer,
    scores: async (columns, rows) => {
      const { task, width, values } = await answer(columns, rows);
      if (task === 'other') throw unfit(`it answers ${width} numbers a row, but a score is one`);
      return { task, values: Float64Array.from({ length: rows }, (_, row) => values[row * width + width - 1]!) };
    },
    release: () => session.release(),
  };
}

/** Two columns: the probabilities of 0 and 1. One: a value, or the probability of 1 where the output is called so. */
function taskOf(width: number, output: string): ModelSignature['task'] {
  if (width === 2) return 'binary_classification';
  if (width === 1) return /^(output_)?probabilit(y|ies)$/.test(output) ? 'binary_classification' : 'regression';
  return 'other';
}

function tensorSpec(what: 'input' | 'output') {
  return (metadata: InferenceSession.ValueMetadata): TensorSpec => {
    if (!metadata.isTensor) {
      throw what === 'output'
        ? unfit(
            `its output "${metadata.name}" is a sequence of maps (ZipMap), not a tensor`,
            "export it with plain tensors, e.g. skl2onnx: convert_sklearn(model, …, options={'zipmap': False})",
          )
        : unfit(`its input "${metadata.name}" is no tensor`);
    }
    return {
      name: metadata.name,
      dtype: metadata.type,
      shape: metadata.shape.map((size) => (typeof size === 'number' ? size : -1)),
    };
  };
}

function numbersOf(tensor: Tensor): ArrayLike<number> {
  const { data } = tensor;
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Array.from(data as BigInt64Array, Number)
    : (data as Float32Array);
}

function labelsOf(tensor: Tensor): ArrayLike<number | string> {
  return tensor.type === 'string' ? (tensor.data as string[]) : numbersOf(tensor);
}

function joined(parts: readonly ModelAnswer[]): ModelAnswer {
  const first = parts[0];
  if (first === undefined) return { task: 'other', rows: 0, width: 1, values: [], labels: undefined };
  return {
    task: first.task,
    rows: parts.length,
    width: first.width,
    values: parts.flatMap(({ values }) => Array.from(values)),
    labels: first.labels === undefined ? undefined : parts.flatMap(({ labels }) => Array.from(labels ?? [])),
  };
}
