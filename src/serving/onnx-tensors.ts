/**
 * How features become a model's input tensors, and its output tensors answers: read once from what the file declares.
 *
 * Inputs. One input with as many columns as there are features takes them side by side, in order; an embedding fills a column
 * for each of its numbers. Several inputs are matched by name: `set.feature`, `set__feature`, or `feature` alone where no two
 * sets share it; an embedding of d numbers becomes [N, d].
 * Outputs. The answer is the tensor `probabilities`, else the last tensor of floats, else the last of numbers.
 */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { TensorSpec } from '../stores/control/registry.ts';
import type { RawTensor, RawTensors, TensorData, TensorType } from './runtime/tensors.ts';

/** A value of each row for one feature, of an embedding a list; null or NaN where it is missing. */
export type Column = ArrayLike<unknown>;

export type InputPlan =
  | {
      readonly layout: 'side_by_side';
      readonly input: TensorSpec;
      /** How many columns each feature fills, and all together. */
      readonly widths: readonly number[];
      readonly width: number;
    }
  | {
      readonly layout: 'by_name';
      readonly inputs: readonly { readonly input: TensorSpec; readonly column: number; readonly width: number }[];
    };

export interface OutputPlan {
  readonly answer: TensorSpec;
  /** The predicted class, where the model names one. */
  readonly label: TensorSpec | undefined;
}

type ElementKind = 'float' | 'integer' | 'big_integer' | 'bool' | 'string';

const ELEMENTS: Readonly<Record<string, ElementKind>> = {
  float32: 'float',
  float64: 'float',
  int8: 'integer',
  uint8: 'integer',
  int16: 'integer',
  uint16: 'integer',
  int32: 'integer',
  uint32: 'integer',
  int64: 'big_integer',
  uint64: 'big_integer',
  bool: 'bool',
  string: 'string',
};

export function elementKind(dtype: string): ElementKind | undefined {
  return ELEMENTS[dtype];
}

export function planInputs(
  inputs: readonly TensorSpec[],
  features: readonly string[],
  widths: readonly number[] = features.map(() => 1),
): InputPlan {
  for (const input of inputs) {
    if (elementKind(input.dtype) === undefined) {
      throw unfit(`its input "${input.name}" is of type ${input.dtype}, which features cannot be turned into`);
    }
  }
  const only = inputs.length === 1 ? inputs[0]! : undefined;
  if (only !== undefined && (only.shape.length === 2 || features.length === 1)) {
    if (only.shape.length > 2)
      throw unfit(`its input "${only.name}" has ${only.shape.length} dimensions, but features fill at most 2`);
    const width = only.shape[1] ?? 1;
    const filled = widths.reduce((sum, one) => sum + one, 0);
    if (width !== -1 && width !== filled) {
      const wide = features.flatMap((feature, at) =>
        widths[at] === 1 ? [] : [`${feature}, which fills ${widths[at]}`],
      );
      throw unfit(
        `its input "${only.name}" takes ${width} columns, but there are ${features.length} features: ${features.join(', ')}${wide.length === 0 ? '' : ` (with ${wide.join(', ')}: ${filled} columns)`}`,
      );
    }
    return { layout: 'side_by_side', input: only, widths, width: filled };
  }
  const columns = columnsByName(features);
  const plan = inputs.map((input) => {
    const column = columns.get(input.name);
    if (column === undefined) {
      throw unfit(`its input "${input.name}" is no feature of the model`, didYouMean(input.name, columns.keys()));
    }
    const width = widths[column] ?? 1;
    const fits =
      input.shape.length === 2
        ? input.shape[1] === width || input.shape[1] === -1
        : input.shape.length < 2 && width === 1;
    if (!fits) {
      throw unfit(
        `its input "${input.name}" has shape [${input.shape.join(', ')}], but ${features[column]} fills ${width === 1 ? '[N] or [N, 1]' : `[N, ${width}]`}`,
      );
    }
    return { input, column, width };
  });
  return { layout: 'by_name', inputs: plan };
}

function columnsByName(features: readonly string[]): Map<string, number> {
  const columns = new Map<string, number>();
  const shared = new Set<string>();
  features.forEach((feature, at) => {
    columns.set(feature, at);
    columns.set(feature.replace('.', '__'), at);
    const short = feature.slice(feature.indexOf('.') + 1);
    if (columns.has(short) && short !== feature) shared.add(short);
    else columns.set(short, at);
  });
  for (const short of shared) columns.delete(short);
  return columns;
}

/** The tensor type of each of `count` features; undefined where no input takes it. */
export function featureTypes(plan: InputPlan, count: number): readonly (string | undefined)[] {
  if (plan.layout === 'side_by_side') return new Array<string>(count).fill(plan.input.dtype);
  const types = new Array<string | undefined>(count).fill(undefined);
  for (const { input, column } of plan.inputs) types[column] = input.dtype;
  return types;
}

export function planOutputs(outputs: readonly TensorSpec[]): OutputPlan {
  const numeric = outputs.filter(({ dtype }) => ['float', 'integer', 'big_integer'].includes(elementKind(dtype) ?? ''));
  const floats = numeric.filter(({ dtype }) => elementKind(dtype) === 'float');
  const answer = floats.find(({ name }) => name === 'probabilities') ?? floats.at(-1) ?? numeric.at(-1);
  if (answer === undefined) throw unfit('none of its outputs is a tensor of numbers');
  const label = outputs.find(
    (output) => output !== answer && elementKind(output.dtype) !== 'float' && output.shape.length <= 2,
  );
  return { answer, label };
}

/** The tensors for rows `from` to `to` (exclusive). */
export function feedsOf(plan: InputPlan, columns: readonly Column[], from: number, to: number): RawTensors {
  const rows = to - from;
  if (plan.layout === 'side_by_side') {
    const data = elementArray(plan.input, rows * plan.width);
    let offset = 0;
    for (const [column, width] of plan.widths.entries()) {
      fill(plan.input, data, columns[column]!, from, to, { offset, stride: plan.width, width });
      offset += width;
    }
    const dims = plan.input.shape.length === 1 ? [rows] : [rows, plan.width];
    return { [plan.input.name]: tensorOf(plan.input, data, dims) };
  }
  const feeds: Record<string, RawTensor> = {};
  for (const { input, column, width } of plan.inputs) {
    const data = elementArray(input, rows * width);
    fill(input, data, columns[column]!, from, to, { offset: 0, stride: width, width });
    const dims = input.shape.length === 2 ? [rows, width] : [rows];
    feeds[input.name] = tensorOf(input, data, dims);
  }
  return feeds;
}

function tensorOf({ dtype }: TensorSpec, data: Elements, dims: readonly number[]): RawTensor {
  return { type: dtype as TensorType, dims, data: data as unknown as TensorData };
}

type Elements = { [at: number]: unknown; readonly length: number };

function elementArray({ dtype }: TensorSpec, length: number): Elements {
  switch (dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int8':
      return new Int8Array(length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'uint16':
      return new Uint16Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'uint32':
      return new Uint32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'uint64':
      return new BigUint64Array(length);
    default:
      return new Array<string>(length).fill('');
  }
}

function fill(
  input: TensorSpec,
  into: Elements,
  column: Column,
  from: number,
  to: number,
  place: { readonly offset: number; readonly stride: number; readonly width: number },
): void {
  const kind = elementKind(input.dtype)!;
  let at = place.offset;
  for (let row = from; row < to; row += 1) {
    const value = column[row];
    if (place.width === 1) into[at] = element(kind, value, input);
    else {
      const items = embedding(value, place.width, input);
      for (let item = 0; item < place.width; item += 1) into[at + item] = element(kind, items?.[item], input);
    }
    at += place.stride;
  }
}

/** Undefined where it is missing. */
function embedding(value: unknown, width: number, input: TensorSpec): ArrayLike<unknown> | undefined {
  if (value === null || value === undefined || Number.isNaN(value)) return undefined;
  const items = Array.isArray(value) || value instanceof Float32Array ? value : undefined;
  if (items?.length === width) return items;
  throw new MlopsError('EP204', {
    detail: `The model's input "${input.name}" takes an embedding of ${width} numbers, not ${items === undefined ? JSON.stringify(value) : `one of ${items.length}`}.`,
    status: 422,
  });
}

function element(kind: ElementKind, value: unknown, input: TensorSpec): unknown {
  if (kind === 'float') {
    if (typeof value === 'number') return value;
    if (value === null || value === undefined) return Number.NaN;
    if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  } else if (kind === 'string') {
    if (typeof value === 'string') return value;
  } else if (typeof value === 'boolean') {
    return kind === 'big_integer' ? BigInt(value) : Number(value);
  } else if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) {
    return kind === 'big_integer' ? BigInt(value) : Number(value);
  }
  const what =
    value === null || value === undefined || Number.isNaN(value) ? 'a missing value' : JSON.stringify(String(value));
  throw new MlopsError('EP204', {
    detail: `The model's input "${input.name}" is of type ${input.dtype} and cannot take ${what}.`,
    status: 422,
  });
}

/** MD204: the file loads, but not as a model of these features. */
export function unfit(why: string, hint?: string): MlopsError {
  return new MlopsError('MD204', { detail: `The model cannot be served: ${why}.`, hint, status: 422 });
}
