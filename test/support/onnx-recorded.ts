/** The ONNX project's models with the inputs and outputs that were recorded of them, as Debian packages them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { CACHE, leftOut } from './python-client.ts';

/** `scripts/onnx-testdata.sh` makes it. */
const folder = join(CACHE, 'libonnx-testdata/usr/share/libonnx-testdata/data/node');

/** False where it was not unpacked and that is no failure. */
export const withRecordedModels: boolean = (() => {
  if (existsSync(folder)) return true;
  leftOut(`${folder} is missing: run scripts/onnx-testdata.sh`);
  return false;
})();

export interface RecordedTensor {
  readonly name: string;
  /** TensorProto.DataType. */
  readonly type: number;
  readonly dims: readonly number[];
  /** Little-endian, as binary tensors are sent; texts each with its length before it. */
  readonly bytes: Buffer;
}

export interface RecordedModel {
  readonly name: string;
  readonly model: Buffer;
  /** Undefined where they are no tensors. */
  readonly sets: readonly { readonly inputs: readonly RecordedTensor[]; readonly outputs: readonly RecordedTensor[] }[];
}

export function recordedModels(): readonly RecordedModel[] {
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const home = join(folder, name);
      const sets = readdirSync(home).filter((entry) => entry.startsWith('test_data_set_'));
      return {
        name,
        model: readFileSync(join(home, 'model.onnx')),
        sets: sets.map((set) => ({
          inputs: tensorsIn(join(home, set), 'input'),
          outputs: tensorsIn(join(home, set), 'output'),
        })),
      };
    });
}

function tensorsIn(home: string, kind: 'input' | 'output'): readonly RecordedTensor[] {
  const files = readdirSync(home).filter((file) => file.startsWith(`${kind}_`));
  return files.sort(byNumber).flatMap((file) => tensorOf(readFileSync(join(home, file))) ?? []);
}

const byNumber = (a: string, b: string): number => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b));

const field = (id: number, type: string, rule?: string) => ({ id, type, ...(rule !== undefined && { rule }) });
/** Names and numbers of onnx.proto. */
const TensorProto = protobuf.Root.fromJSON({
  nested: {
    TensorProto: {
      fields: {
        dims: field(1, 'int64', 'repeated'),
        dataType: field(2, 'int32'),
        floatData: field(4, 'float', 'repeated'),
        int32Data: field(5, 'int32', 'repeated'),
        stringData: field(6, 'bytes', 'repeated'),
        int64Data: field(7, 'int64', 'repeated'),
        name: field(8, 'string'),
        rawData: field(9, 'bytes'),
        doubleData: field(10, 'double', 'repeated'),
        uint64Data: field(11, 'uint64', 'repeated'),
      },
    },
  },
}).lookupType('TensorProto');

interface Decoded {
  readonly dims: readonly (number | { toString(): string })[];
  readonly dataType: number;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: readonly { toString(): string }[];
  readonly name: string;
  readonly rawData: Uint8Array;
  readonly doubleData: readonly number[];
  readonly uint64Data: readonly { toString(): string }[];
}

function tensorOf(content: Buffer): RecordedTensor | undefined {
  let decoded: Decoded;
  try {
    decoded = TensorProto.decode(content) as unknown as Decoded;
  } catch {
    return undefined;
  }
  const { name, dataType: type } = decoded;
  return { name, type, dims: decoded.dims.map(Number), bytes: bytesOf(decoded) };
}

function bytesOf(tensor: Decoded): Buffer {
  const { dataType: type, rawData } = tensor;
  if (rawData.length > 0) return Buffer.from(rawData);
  const of = (array: ArrayBufferView): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  switch (type) {
    case 1:
      return of(Float32Array.from(tensor.floatData));
    case 11:
      return of(Float64Array.from(tensor.doubleData));
    case 7:
      return of(BigInt64Array.from(tensor.int64Data, (value) => BigInt(value.toString())));
    case 12:
      return of(Uint32Array.from(tensor.uint64Data, (value) => Number(value.toString())));
    case 13:
      return of(BigUint64Array.from(tensor.uint64Data, (value) => BigInt(value.toString())));
    case 6:
      return of(Int32Array.from(tensor.int32Data));
    case 4:
    case 5:
    case 10:
      return of(Uint16Array.from(tensor.int32Data));
    case 8:
      return Buffer.concat(
        tensor.stringData.flatMap((text) => {
          const length = Buffer.alloc(4);
          length.writeUInt32LE(text.length);
          return [length, text];
        }),
      );
    default:
      return of(Uint8Array.from(tensor.int32Data));
  }
}
