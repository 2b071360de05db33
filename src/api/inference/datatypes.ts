/**
 * The datatypes of the Open Inference Protocol and their values: as JSON, flat or nested, and as bytes, little-endian. Whatever is wrong with
 * a value is EP204, naming the tensor.
 */
import { MlopsError } from '../../lib/error.ts';
import type { TensorData, TensorType } from '../../serving/runtime/tensors.ts';
import { halfOf, numberOfHalf } from './half.ts';

interface Datatype {
  readonly name: string;
  /** Bytes of an element; 0 where each says its own. */
  readonly size: number;
  readonly make: (length: number) => Numbers;
  /** Bounds of whole numbers. */
  readonly least?: number | bigint;
  readonly most?: number | bigint;
}

type Numbers = Exclude<TensorData, readonly string[]>;

const DATATYPES: Readonly<Record<Exclude<TensorType, 'string'>, Datatype>> = {
  bool: { name: 'BOOL', size: 1, make: (length) => new Uint8Array(length) },
  int8: { name: 'INT8', size: 1, make: (length) => new Int8Array(length), least: -128, most: 127 },
  int16: { name: 'INT16', size: 2, make: (length) => new Int16Array(length), least: -32_768, most: 32_767 },
  int32: { name: 'INT32', size: 4, make: (length) => new Int32Array(length), least: -(2 ** 31), most: 2 ** 31 - 1 },
  int64: {
    name: 'INT64',
    size: 8,
    make: (length) => new BigInt64Array(length),
    least: -(2n ** 63n),
    most: 2n ** 63n - 1n,
  },
  uint8: { name: 'UINT8', size: 1, make: (length) => new Uint8Array(length), least: 0, most: 255 },
  uint16: { name: 'UINT16', size: 2, make: (length) => new Uint16Array(length), least: 0, most: 65_535 },
  uint32: { name: 'UINT32', size: 4, make: (length) => new Uint32Array(length), least: 0, most: 2 ** 32 - 1 },
  uint64: { name: 'UINT64', size: 8, make: (length) => new BigUint64Array(length), least: 0n, most: 2n ** 64n - 1n },
  float16: { name: 'FP16', size: 2, make: (length) => new Uint16Array(length) },
  float32: { name: 'FP32', size: 4, make: (length) => new Float32Array(length) },
  float64: { name: 'FP64', size: 8, make: (length) => new Float64Array(length) },
};

export function datatypeOf(type: TensorType): string {
  return type === 'string' ? 'BYTES' : DATATYPES[type].name;
}

export function mismatch(detail: string): MlopsError {
  return new MlopsError('EP204', { detail, status: 400 });
}

/** NaN and the infinities are refused unless they are allowed; null among numbers is NaN then. */
export interface ValueRules {
  readonly tensor: string;
  readonly allowNan: boolean;
}

/** `values` are flat, as many as the shape has elements. */
export function fromJson(type: TensorType, values: readonly unknown[], rules: ValueRules): TensorData {
  switch (type) {
    case 'string':
      values.forEach((value, at) => {
        if (typeof value !== 'string') throw wrong(value, at, 'BYTES takes texts', rules);
        refuseNul(value, at, rules);
      });
      return values as readonly string[];
    case 'bool':
      return Uint8Array.from(values, (value, at) => {
        if (typeof value !== 'boolean') throw wrong(value, at, 'BOOL takes true and false', rules);
        return value ? 1 : 0;
      });
    case 'float32':
    case 'float64':
    case 'float16':
      return floats(type, values, rules);
    default:
      return integers(DATATYPES[type], values, rules);
  }
}

function floats(type: 'float16' | 'float32' | 'float64', values: readonly unknown[], rules: ValueRules): TensorData {
  const into = DATATYPES[type].make(values.length) as Float64Array;
  for (let at = 0; at < values.length; at += 1) {
    const given = values[at];
    const value = typeof given === 'bigint' ? Number(given) : given;
    if (typeof value !== 'number') {
      if (value !== null || !rules.allowNan) throw wrong(given, at, `${DATATYPES[type].name} takes numbers`, rules);
      into[at] = type === 'float16' ? halfOf(Number.NaN) : Number.NaN;
      continue;
    }
    if (type === 'float16') {
      into[at] = halfOf(value);
      if (!Number.isFinite(numberOfHalf(into[at]!))) throw wrong(given, at, 'FP16 ends at 65504', rules);
    } else {
      into[at] = value;
      if (!Number.isFinite(into[at])) throw wrong(given, at, `it is beyond ${DATATYPES[type].name}`, rules);
    }
  }
  return into;
}

function integers({ name, make, least, most }: Datatype, values: readonly unknown[], rules: ValueRules): TensorData {
  const into = make(values.length);
  const big = typeof least === 'bigint';
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (typeof value === 'bigint' ? value < least! || value > most! : !Number.isInteger(value))
      throw wrong(value, at, typeof value === 'bigint' ? `it is beyond ${name}` : `${name} takes whole numbers`, rules);
    if ((value as number) < least! || (value as number) > most!) throw wrong(value, at, `it is beyond ${name}`, rules);
    (into as { [at: number]: unknown })[at] = big ? BigInt(value as number) : Number(value);
  }
  return into;
}

/** Reads `count` elements; EP204 where the bytes are not as many. */
export function fromBytes(type: TensorType, bytes: Uint8Array, count: number, rules: ValueRules): TensorData {
  if (type === 'string') return texts(bytes, count, rules);
  const { name, size, make } = DATATYPES[type];
  if (bytes.length !== count * size)
    throw mismatch(
      `The input "${rules.tensor}" has ${bytes.length} bytes of binary data, but its shape takes ${count} elements of ${size} (${name}).`,
    );
  const into = make(count);
  new Uint8Array(into.buffer).set(bytes);
  if (type === 'bool')
    for (let at = 0; at < count; at += 1)
      if ((into[at] as number) > 1) throw wrong(into[at], at, 'a byte of BOOL is 0 or 1', rules);
  if (!rules.allowNan && (type === 'float32' || type === 'float64' || type === 'float16')) refuseNan(into, type, rules);
  return into;
}

function refuseNan(into: Numbers, type: 'float16' | 'float32' | 'float64', rules: ValueRules): void {
  for (let at = 0; at < into.length; at += 1) {
    const value = type === 'float16' ? numberOfHalf(into[at] as number) : (into[at] as number);
    if (!Number.isFinite(value)) throw wrong(value, at, 'only with the parameter "allow_nan": true', rules);
  }
}

const LENGTH_BYTES = 4;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Each a length of four bytes, then so many bytes. */
function texts(bytes: Uint8Array, count: number, rules: ValueRules): readonly string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = at + LENGTH_BYTES <= bytes.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    const from = at + LENGTH_BYTES;
    if (from + length > bytes.length)
      throw mismatch(`The binary data of the input "${rules.tensor}" ends in the middle of element ${values.length}.`);
    values.push(textOf(bytes.subarray(from, from + length), values.length, rules));
    at = from + length;
  }
  if (values.length !== count)
    throw mismatch(
      `The binary data of the input "${rules.tensor}" holds ${values.length} elements, but its shape takes ${count}.`,
    );
  return values;
}

function textOf(bytes: Uint8Array, at: number, rules: ValueRules): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw mismatch(`Element ${at} of the input "${rules.tensor}" is no UTF-8: ONNX has texts only.`);
  }
  refuseNul(text, at, rules);
  return text;
}

/** ONNX Runtime ends a text there. */
function refuseNul(value: string, at: number, { tensor }: ValueRules): void {
  if (value.includes('\0'))
    throw mismatch(`Element ${at} of the input "${tensor}" holds the character U+0000, which ends a text.`);
}

const MOST_SHOWN = 60;

function wrong(value: unknown, at: number, why: string, { tensor }: ValueRules): MlopsError {
  const shown =
    typeof value === 'bigint' || typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  const short = shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}…` : shown;
  return mismatch(`Element ${at} of the input "${tensor}" is ${short}: ${why}.`);
}

/** As a JSON list. What is not finite has no JSON: it is null there, and itself in binary data. */
export function toJsonText(type: TensorType, data: TensorData): string {
  switch (type) {
    case 'string':
      return JSON.stringify(data);
    case 'bool':
      return `[${Array.from(data as Uint8Array, (value) => value !== 0).join(',')}]`;
    case 'float16':
      return JSON.stringify(Array.from(data as Uint16Array, numberOfHalf));
    case 'float32':
    case 'float64': {
      const numbers = data as Float64Array;
      for (let at = 0; at < numbers.length; at += 1)
        if (!Number.isFinite(numbers[at])) return JSON.stringify(Array.from(numbers));
      return `[${numbers.join(',')}]`;
    }
    default:
      return `[${(data as Int32Array).join(',')}]`;
  }
}

export function toBytes(type: TensorType, data: TensorData): Buffer {
  if (type !== 'string') {
    const { buffer, byteOffset, byteLength } = data as Numbers;
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  }
  return Buffer.concat(
    (data as readonly string[]).flatMap((text) => {
      const bytes = Buffer.from(text, 'utf8');
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
