/**
 * What an inference is asked with: JSON, and behind it the binary data of those tensors that say so. All of it is checked against what the
 * model takes before it runs; whatever is wrong is a sentence with the tensor's name.
 */
import { MlopsError } from '../../lib/error.ts';
import { parseExactly } from '../../lib/exact-json.ts';
import type { OnnxSession } from '../../serving/runtime/onnx-session.ts';
import type { RawTensor, TensorData, TensorType } from '../../serving/runtime/tensors.ts';
import type { TensorSpec } from '../../stores/control/registry.ts';
import { datatypeOf, fromBytes, fromJson, mismatch } from './datatypes.ts';

export interface AskedInference {
  /** Echoed. */
  readonly id: string | undefined;
  readonly feeds: Readonly<Record<string, RawTensor>>;
  readonly outputs: readonly string[];
  /** Whether each output, in the same order, is told as binary data. */
  readonly binary: readonly boolean[];
}

export interface Signature {
  readonly inputs: ReadonlyMap<string, TensorSpec>;
  readonly outputs: readonly string[];
  readonly otherOutputs: readonly string[];
  /** Inputs whose file says no shape: any goes. */
  readonly anyRank: ReadonlySet<string>;
}

export function signatureOf({ inputs, outputs, otherOutputs, anyRank }: OnnxSession): Signature {
  return {
    inputs: new Map(inputs.map((input) => [input.name, input])),
    outputs: outputs.map(({ name }) => name),
    otherOutputs,
    anyRank,
  };
}

type Members = Readonly<Record<string, unknown>>;

const MOST_ELEMENTS = 2 ** 31;
/** A number that JSON.parse may round: such a text is read again, exactly. */
const LONG_NUMBER = /\d{16}/;

/** API400 where it is no such document, EP204 where it is not what the model takes. `jsonLength`: of the JSON, where binary data follows. */
export function readInference(bytes: Buffer, jsonLength: string | undefined, signature: Signature): AskedInference {
  const length = jsonLength === undefined ? bytes.length : headerLength(jsonLength, bytes.length);
  const text = bytes.toString('utf8', 0, length);
  let body = objectOf(parsed(text), 'The body');
  if (hasBigIntegers(body['inputs']) && LONG_NUMBER.test(text)) body = objectOf(exactly(text), 'The body');
  const { id, inputs, outputs, parameters } = body;
  if (id !== undefined && typeof id !== 'string') throw malformed(`"id" is ${told(id)}; it is a text.`);
  const request = parametersOf(parameters, 'The request');
  const binary = { bytes: bytes.subarray(length), at: 0 };
  const feeds = readInputs(inputs, signature, binary, request['allow_nan'] === true);
  if (binary.at !== binary.bytes.length)
    throw malformed(
      `${binary.bytes.length} bytes follow the JSON, but its tensors say "binary_data_size" of ${binary.at} in all.`,
    );
  return { id, feeds, ...readOutputs(outputs, signature, request['binary_data_output'] === true) };
}

function hasBigIntegers(inputs: unknown): boolean {
  return (
    Array.isArray(inputs) &&
    inputs.some((input: { readonly datatype?: unknown } | null) => /INT64$/.test(String(input?.datatype)))
  );
}

function headerLength(text: string, most: number): number {
  const length = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (length <= most && length > 0) return length;
  throw malformed(
    `The header Inference-Header-Content-Length is ${text}; it is the number of bytes of JSON, of ${most} in the body.`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const binary = text.includes('\uFFFD')
      ? ' Binary data behind it needs the header Inference-Header-Content-Length.'
      : '';
    throw malformed(`The body is not JSON: ${why}.${binary}`);
  }
}

function exactly(text: string): unknown {
  try {
    return parseExactly(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw malformed('The body is nested too deeply.');
  }
}

function readInputs(
  inputs: unknown,
  signature: Signature,
  binary: { readonly bytes: Buffer; at: number },
  allowNan: boolean,
): Record<string, RawTensor> {
  if (!Array.isArray(inputs)) throw malformed(`"inputs" is ${told(inputs)}; it is a list of tensors.`);
  const feeds: Record<string, RawTensor> = {};
  for (const given of inputs) {
    const input = objectOf(given, 'An input');
    const { name } = input;
    if (typeof name !== 'string') throw malformed(`The "name" of an input is ${told(name)}; it is a text.`);
    const spec = signature.inputs.get(name);
    if (spec === undefined)
      throw mismatch(`The model has no input "${name}"; it has ${named([...signature.inputs.keys()])}.`);
    if (Object.hasOwn(feeds, name)) throw mismatch(`The input "${name}" is there twice.`);
    feeds[name] = readTensor(input, spec, signature.anyRank.has(name), binary, allowNan);
  }
  for (const name of signature.inputs.keys())
    if (!Object.hasOwn(feeds, name)) throw mismatch(`The input "${name}" is missing.`);
  return feeds;
}

function readTensor(
  input: Members,
  spec: TensorSpec,
  anyRank: boolean,
  binary: { readonly bytes: Buffer; at: number },
  allowNan: boolean,
): RawTensor {
  const { datatype, data } = input;
  const { name } = spec;
  const type = spec.dtype as TensorType;
  if (datatype !== datatypeOf(type))
    throw mismatch(
      `The input "${name}" is ${typeof datatype === 'string' ? datatype : told(datatype)}, but the model takes ${datatypeOf(type)}.`,
    );
  const dims = shapeOf(input['shape'], spec, anyRank);
  const count = dims.reduce((product, size) => product * size, 1);
  const parameters = parametersOf(input['parameters'], `The input "${name}"`);
  const rules = { tensor: name, allowNan: allowNan || parameters['allow_nan'] === true };
  const size = parameters['binary_data_size'];
  if (size === undefined) {
    if (!Array.isArray(data)) throw mismatch(`The "data" of the input "${name}" is ${told(data)}; it is a list.`);
    return { type, dims, data: fromJson(type, flat(data, dims, count, name), rules) };
  }
  if (data !== undefined) throw mismatch(`The input "${name}" has both "data" and "binary_data_size".`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw mismatch(`The "binary_data_size" of the input "${name}" is ${told(size)}; it is a number of bytes.`);
  const from = binary.at;
  binary.at += size;
  if (binary.at > binary.bytes.length)
    throw mismatch(
      `The input "${name}" says ${size} bytes of binary data, but ${binary.bytes.length - from} are left behind the JSON.`,
    );
  return { type, dims, data: fromBytes(type, binary.bytes.subarray(from, binary.at), count, rules) as TensorData };
}

function shapeOf(shape: unknown, { name, shape: wanted }: TensorSpec, anyRank: boolean): readonly number[] {
  if (!Array.isArray(shape))
    throw mismatch(`The "shape" of the input "${name}" is ${told(shape)}; it is a list of sizes.`);
  let elements = 1;
  for (const size of shape) {
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > MOST_ELEMENTS)
      throw mismatch(`The shape of the input "${name}" holds ${told(size)}; sizes are whole numbers from 0.`);
    elements *= Math.max(size, 1);
  }
  if (elements > MOST_ELEMENTS)
    throw mismatch(`The shape of the input "${name}", [${shape.join(', ')}], is too large.`);
  const dims = shape as readonly number[];
  const fits = anyRank || (dims.length === wanted.length && wanted.every((size, at) => size < 0 || size === dims[at]));
  if (!fits)
    throw mismatch(
      `The input "${name}" has the shape [${dims.join(', ')}], but the model takes [${wanted.join(', ')}]${wanted.includes(-1) ? ', where -1 is any size' : ''}.`,
    );
  return dims;
}

/** Row by row: flat already, or nested as the shape says. */
function flat(data: readonly unknown[], dims: readonly number[], count: number, name: string): readonly unknown[] {
  if (!Array.isArray(data[0])) {
    if (data.length === count) return data;
    throw mismatch(
      `The input "${name}" has ${data.length} elements, but its shape [${dims.join(', ')}] takes ${count}.`,
    );
  }
  const values: unknown[] = [];
  const descend = (part: unknown, level: number): void => {
    if (level === dims.length) {
      values.push(part);
      return;
    }
    if (!Array.isArray(part) || part.length !== dims[level])
      throw mismatch(
        `The nested data of the input "${name}" does not have its shape [${dims.join(', ')}]: in dimension ${level} there ${Array.isArray(part) ? `are ${part.length} elements` : `is ${told(part)}`}.`,
      );
    for (const one of part) descend(one, level + 1);
  };
  descend(data, 0);
  return values;
}

function readOutputs(
  outputs: unknown,
  { outputs: all, otherOutputs }: Signature,
  binaryByDefault: boolean,
): Pick<AskedInference, 'outputs' | 'binary'> {
  if (all.length === 0)
    throw mismatch(
      `No output of the model is a tensor (${named(otherOutputs)}): it cannot be told here. Export the model with plain tensors, without ZipMap.`,
    );
  if (outputs === undefined || (Array.isArray(outputs) && outputs.length === 0))
    return { outputs: all, binary: all.map(() => binaryByDefault) };
  if (!Array.isArray(outputs)) throw malformed(`"outputs" is ${told(outputs)}; it is a list of tensors.`);
  const names: string[] = [];
  const binary: boolean[] = [];
  for (const given of outputs) {
    const output = objectOf(given, 'An output');
    const { name } = output;
    if (typeof name !== 'string') throw malformed(`The "name" of an output is ${told(name)}; it is a text.`);
    if (otherOutputs.includes(name))
      throw mismatch(
        `The output "${name}" is a sequence of maps (ZipMap) or another that is no tensor: it cannot be told here. Export the model with plain tensors.`,
      );
    if (!all.includes(name)) throw mismatch(`The model has no output "${name}"; it has ${named(all)}.`);
    if (names.includes(name)) throw mismatch(`The output "${name}" is asked for twice.`);
    const parameters = parametersOf(output['parameters'], `The output "${name}"`);
    if (parameters['classification'] !== undefined)
      throw mismatch(
        `The output "${name}" is asked for as a classification, which is not offered: ask for its values.`,
      );
    names.push(name);
    binary.push(parameters['binary_data'] === undefined ? binaryByDefault : parameters['binary_data'] === true);
  }
  return { outputs: names, binary };
}

function parametersOf(parameters: unknown, whose: string): Members {
  if (parameters === undefined) return NONE;
  const found = objectOf(parameters, `"parameters" of ${whose.toLowerCase()}`);
  if (found['shared_memory_region'] !== undefined)
    throw mismatch(`${whose} names a region of shared memory, which is not offered: send the values.`);
  return found;
}

const NONE: Members = {};

function objectOf(value: unknown, what: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw malformed(`${what} is ${told(value)}; it is an object.`);
}

function malformed(detail: string): MlopsError {
  return new MlopsError('API400', { detail, status: 400 });
}

const named = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ');

const MOST_SHOWN = 60;

function told(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'bigint' ? value.toString() : (JSON.stringify(value) ?? String(value));
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}
