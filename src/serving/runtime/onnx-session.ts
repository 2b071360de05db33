/**
 * A session of ONNX Runtime and its tensors as they are: names, types and shapes in and out. `onnxruntime-node` is imported when the first
 * file is opened and not before. One thread per session by default: at the batch sizes of online serving more threads cost latency; many
 * requests at once use the cores better than one.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { MlopsError } from '../../lib/error.ts';
import type { TensorSpec } from '../../stores/control/registry.ts';
import { unfit } from '../onnx-tensors.ts';
import { type BatchLimits, createBatcher } from './batcher.ts';
import { deadlyValues } from './deadly-values.ts';
import { readOnnxFile } from './onnx-file.ts';
import { type RawTensor, type RawTensors, TENSOR_TYPES } from './tensors.ts';
import { runTrial } from './trial.ts';

export interface OnnxSession {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Outputs that are no tensors: sequences and maps, which cannot be asked for. */
  readonly otherOutputs: readonly string[];
  /** Inputs for which the file says no shape: any goes. */
  readonly anyRank: ReadonlySet<string>;
  /** Whether each row of the first dimension is answered by itself; null where a trial could not tell. */
  readonly rowsApart: boolean | null;
  /** Whether requests that come together go together without anybody having asked for it. */
  readonly batches: boolean;
  /** Only batches of one row: it declares that, or a trial showed it. */
  readonly oneRow: boolean;
  /**
   * The named outputs. Together with other calls of this moment where rows are answered by themselves: the same numbers, one run.
   * `limits`: how many rows together, and how long the first may wait; default as `batches` says. EP206 where the model fails.
   */
  run(feeds: RawTensors, outputs: readonly string[], limits?: BatchLimits): Promise<RawTensors>;
  /** Once the last run has its answer, and no earlier. */
  release(): Promise<void>;
}

export interface SessionOptions {
  readonly threads: number;
  /** For runs that say no limits. */
  readonly batching: BatchLimits | undefined;
}

/** MD204 where the bytes are no ONNX model, ask for what they must not, or answer something else than they declare. */
export async function openSession(content: Uint8Array, { threads, batching }: SessionOptions): Promise<OnnxSession> {
  const file = readOnnxFile(content);
  const ort = await importRuntime();
  const session = await createSession(ort, content, threads);
  try {
    const inputs = session.inputMetadata.map(inputSpec);
    const outputs = session.outputMetadata.flatMap((one) => (one.isTensor ? [tensorSpec(one)] : []));
    const alone = (feeds: RawTensors, names: readonly string[]): Promise<RawTensors> => runAlone(session, feeds, names);
    const found = await runTrial({ inputs, outputs, file, run: alone });
    const refuseDeadly = deadlyValues(file.operators, inputs);
    const batcher = createBatcher({
      run: alone,
      rowsApart: found.rowsApart,
      batches: found.batches,
      defaults: batching,
    });
    return {
      inputs,
      outputs,
      otherOutputs: session.outputMetadata.flatMap(({ isTensor, name }) => (isTensor ? [] : [name])),
      anyRank: file.shapeless,
      ...found,
      run: (feeds, names, limits) => {
        refuseDeadly?.(feeds);
        return batcher.run(feeds, names, limits);
      },
      release: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

type Ort = typeof import('onnxruntime-node');

async function importRuntime(): Promise<Ort> {
  const imported = await import('onnxruntime-node');
  return (imported as { default?: Ort }).default ?? imported;
}

async function createSession(ort: Ort, content: Uint8Array, threads: number): Promise<InferenceSession> {
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
    const number = /Unsupported data type: (\d+)/.exec(String(cause))?.[1];
    if (number !== undefined) throw unserved(OTHER_TYPES[number] ?? `number ${number}`);
    throw new MlopsError('MD204', {
      detail: `ONNX Runtime does not load the file: ${reasonOf(cause)}`,
      status: 422,
      cause,
    });
  }
}

async function runAlone(session: InferenceSession, feeds: RawTensors, names: readonly string[]): Promise<RawTensors> {
  const tensors: Record<string, Tensor> = {};
  for (const name in feeds) {
    const { type, data, dims } = feeds[name]!;
    // Not made by its constructor: that one turns the bits of halves into an array that the runtime itself does not read.
    tensors[name] = { type, data, dims, location: 'cpu' } as unknown as Tensor;
  }
  try {
    return halvesAsBits((await session.run(tensors, names)) as unknown as Record<string, RawTensor>);
  } catch (cause) {
    throw new MlopsError('EP206', {
      detail: `The model fails on these inputs: ${reasonOf(cause)}`,
      status: 422,
      cause,
    });
  }
}

/** TensorProto.DataType of those that ONNX Runtime does not hand to JavaScript. */
const OTHER_TYPES: Readonly<Record<string, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
};

function unserved(type: string): MlopsError {
  return unfit(
    `an input or output is of type ${type}, which no client can send or read`,
    'cast it inside the model, e.g. from and to float32',
  );
}

/** Where JavaScript has an array of halves, ONNX Runtime answers with that. */
function halvesAsBits(found: Record<string, RawTensor>): RawTensors {
  for (const name in found) {
    const { type, dims, data } = found[name]!;
    if (type !== 'float16' || data instanceof Uint16Array) continue;
    const { buffer, byteOffset, length } = data as Float32Array;
    found[name] = { type, dims, data: new Uint16Array(buffer, byteOffset, length) };
  }
  return found;
}

const MOST_REASON = 500;

/** The first line of what ONNX Runtime says, without the places in its own sources. */
function reasonOf(cause: unknown): string {
  const line = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
  return line.replaceAll(/\/?[\w./-]*onnxruntime\w*\/[\w./-]+:\d+ /g, '').slice(0, MOST_REASON);
}

function inputSpec(metadata: InferenceSession.ValueMetadata): TensorSpec {
  if (!metadata.isTensor) throw unfit(`its input "${metadata.name}" is no tensor`);
  return tensorSpec(metadata);
}

function tensorSpec(metadata: Extract<InferenceSession.ValueMetadata, { readonly isTensor: true }>): TensorSpec {
  const { name, type, shape } = metadata;
  if (!(TENSOR_TYPES as readonly string[]).includes(type)) throw unserved(type);
  return { name, dtype: type, shape: shape.map((size) => (typeof size === 'number' ? size : -1)) };
}
