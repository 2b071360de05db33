/**
 * ONNX models asked with features: columns in, an answer a row out. What a session is and takes stands in runtime/onnx-session.ts.
 */
import type { ModelSignature, TensorSpec } from '../stores/control/registry.ts';
import { type Column, featureTypes, feedsOf, planInputs, planOutputs, unfit } from './onnx-tensors.ts';
import type { BatchLimits } from './runtime/batcher.ts';
import { type OnnxSession, openSession } from './runtime/onnx-session.ts';
import type { RawTensor, RawTensors } from './runtime/tensors.ts';

export interface OnnxRuntimeOptions {
  /** Threads within one operation. Default 1. */
  readonly threads?: number;
  /** How runs go together that say nothing of it. Default: as a trial of each model shows. */
  readonly batching?: BatchLimits | undefined;
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
  /**
   * A column a feature, in the order of the features it was loaded with; null or NaN where a value is missing. Runs together with other
   * calls of this moment where the model answers rows by themselves; `limits`: see OnnxSession.
   */
  answer(columns: readonly Column[], rows: number, limits?: BatchLimits): Promise<ModelAnswer>;
  /** One number a row: the probability of label 1, or the value. MD204 where the model answers several. */
  scores(
    columns: readonly Column[],
    rows: number,
  ): Promise<{ readonly task: ModelSignature['task']; readonly values: Float64Array }>;
  release(): Promise<void>;
}

export interface OnnxRuntime {
  /** Loads the runtime itself, once: what a model takes can be measured then. */
  start(): Promise<void>;
  /** The file as it is, without features. MD204 where the bytes are no ONNX model, or one that must not serve. */
  open(content: Uint8Array): Promise<OnnxSession>;
  /** MD204 where the bytes are no ONNX model, or none that takes these features. `widths`: how many columns each fills; default one. */
  load(content: Uint8Array, features: readonly string[], widths?: readonly number[]): Promise<OnnxModel>;
}

/** Where a model only takes batches of one size. */
const ANY_BATCH = -1;

/** The smallest model there is. */
const IDENTITY = Buffer.from(
  'CAcSADo3ChAKAXgSAXkiCElkZW50aXR5EgFnWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQDQ==',
  'base64',
);

export function createOnnxRuntime({ threads = 1, batching }: OnnxRuntimeOptions = {}): OnnxRuntime {
  const open = (content: Uint8Array): Promise<OnnxSession> => openSession(content, { threads, batching });
  let started: Promise<void> | undefined;
  return {
    start: () => {
      started ??= open(IDENTITY).then((session) => session.release());
      return started;
    },
    open,
    load: async (content, features, widths) => {
      const session = await open(content);
      try {
        return modelOf(session, features, widths);
      } catch (error) {
        await session.release();
        throw error;
      }
    },
  };
}

/** The session asked with these features; MD204 where it does not take them. Released with the session. */
export function modelOf(session: OnnxSession, features: readonly string[], given: readonly number[] = []): OnnxModel {
  const { inputs, outputs } = session;
  const widths = features.map((_, at) => given[at] ?? 1);
  const [map] = session.otherOutputs;
  if (map !== undefined)
    throw unfit(
      `its output "${map}" is a sequence of maps (ZipMap), not a tensor`,
      "export it with plain tensors, e.g. skl2onnx: convert_sklearn(model, …, options={'zipmap': False})",
    );
  const inputPlan = planInputs(inputs, features, widths);
  const outputPlan = planOutputs(outputs);
  const fetches =
    outputPlan.label === undefined ? [outputPlan.answer.name] : [outputPlan.answer.name, outputPlan.label.name];
  const batch = session.oneRow ? 1 : Math.max(...inputs.map(({ shape }) => shape[0] ?? ANY_BATCH));

  const answerOf = (results: RawTensors, rows: number): ModelAnswer => {
    const tensor = results[outputPlan.answer.name]!;
    const { length } = tensor.data;
    const width = rows === 0 ? 1 : length / rows;
    if (!Number.isInteger(width) || width < 1) {
      throw unfit(`its output "${outputPlan.answer.name}" has shape [${tensor.dims.join(', ')}] for ${rows} rows`);
    }
    const labels = outputPlan.label === undefined ? undefined : results[outputPlan.label.name];
    return {
      task: taskOf(width, outputPlan.answer.name),
      rows,
      width,
      values: numbersOf(tensor),
      labels: labels === undefined || labels.data.length !== rows ? undefined : labelsOf(labels),
    };
  };

  const run = (
    columns: readonly Column[],
    from: number,
    to: number,
    limits: BatchLimits | undefined,
  ): Promise<ModelAnswer> => {
    try {
      const running = session.run(feedsOf(inputPlan, columns, from, to), fetches, limits);
      return running.then((results) => answerOf(results, to - from));
    } catch (error) {
      return Promise.reject(error);
    }
  };

  const oneByOne: OnnxModel['answer'] = async (columns, rows, limits) => {
    if (batch !== 1) throw unfit(`it only takes batches of ${batch} rows; export it with a dynamic first dimension`);
    const parts: ModelAnswer[] = [];
    for (let row = 0; row < rows; row += 1) parts.push(await run(columns, row, row + 1, limits));
    return joined(parts);
  };

  const answer: OnnxModel['answer'] = (columns, rows, limits) =>
    batch === ANY_BATCH || batch === rows ? run(columns, 0, rows, limits) : oneByOne(columns, rows, limits);

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

function numbersOf({ data }: RawTensor): ArrayLike<number> {
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Array.from(data as BigInt64Array, Number)
    : (data as Float32Array);
}

function labelsOf(tensor: RawTensor): ArrayLike<number | string> {
  return tensor.type === 'string' ? (tensor.data as readonly string[]) : numbersOf(tensor);
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
