/** Tensors as ONNX Runtime takes and gives them. */
export const TENSOR_TYPES = [
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'float16',
  'float32',
  'float64',
  'string',
] as const;
export type TensorType = (typeof TENSOR_TYPES)[number];

/** Row-major. A bool is 0 or 1 in a Uint8Array; a float16 its bits in a Uint16Array. */
export type TensorData =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array
  | readonly string[];

export interface RawTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export type RawTensors = Readonly<Record<string, RawTensor>>;
