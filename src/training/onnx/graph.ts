/**
 * Builds ONNX graphs from plain values and encodes them. Shapes, element types and attribute types are those of the ONNX
 * specification (docs/IR.md, onnx.proto: TensorProto.DataType and AttributeProto.AttributeType).
 */
import { ONNX_DESCRIPTOR } from './descriptor.ts';

export const ELEMENT = { float: 1, int64: 7, bool: 9 } as const;

/** IR version 8 with opsets 17 and ml 3: read by ONNX Runtime 1.12 and everything newer. */
const IR_VERSION = 8;
const OPSET = 17;
const ML_OPSET = 3;
export const ML_DOMAIN = 'ai.onnx.ml';

export interface Node {
  readonly opType: string;
  readonly domain?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute?: readonly object[];
}

export interface Graph {
  readonly name: string;
  readonly node: readonly Node[];
  readonly initializer: readonly object[];
  readonly input: readonly object[];
  readonly output: readonly object[];
}

const utf8 = new TextEncoder();

export const attribute = {
  int: (name: string, i: number): object => ({ name, i, type: 2 }),
  string: (name: string, s: string): object => ({ name, s: utf8.encode(s), type: 3 }),
  floats: (name: string, floats: readonly number[]): object => ({ name, floats, type: 6 }),
  ints: (name: string, ints: readonly number[]): object => ({ name, ints, type: 7 }),
  strings: (name: string, strings: readonly string[]): object => ({
    name,
    strings: strings.map((s) => utf8.encode(s)),
    type: 8,
  }),
};

export function floatTensor(name: string, dims: readonly number[], values: ArrayLike<number>): object {
  const rawData = new Uint8Array(values.length * 4);
  const view = new DataView(rawData.buffer);
  for (let at = 0; at < values.length; at += 1) view.setFloat32(at * 4, values[at]!, true);
  return { name, dims, dataType: ELEMENT.float, rawData };
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly number[]): object {
  const rawData = new Uint8Array(values.length * 8);
  const view = new DataView(rawData.buffer);
  values.forEach((value, at) => {
    view.setBigInt64(at * 8, BigInt(value), true);
  });
  return { name, dims, dataType: ELEMENT.int64, rawData };
}

/** A tensor that goes in or out. `N` is the batch. */
export function tensorInfo(name: string, elemType: number, shape: readonly (number | 'N')[]): object {
  const dim = shape.map((size) => (size === 'N' ? { dimParam: 'N' } : { dimValue: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

export async function encodeModel(graph: Graph, metadata: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const { default: protobuf } = await import('protobufjs/light.js');
  const type = protobuf.Root.fromJSON(ONNX_DESCRIPTOR).lookupType('onnx.ModelProto');
  return type
    .encode({
      irVersion: IR_VERSION,
      producerName: 'mlops',
      graph,
      opsetImport: [
        { domain: '', version: OPSET },
        { domain: ML_DOMAIN, version: ML_OPSET },
      ],
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    })
    .finish();
}
