// A network of dense layers with weights from a seed, as an ONNX file: `x` [N, widths[0]] to `y` [N, 1].
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { root } from '../support/measure.mjs';

const { ONNX_DESCRIPTOR } = await import(join(root, 'dist/training/onnx/descriptor.js'));
const ModelProto = protobuf.Root.fromJSON(ONNX_DESCRIPTOR).lookupType('onnx.ModelProto');
const FLOAT = 1;

export function perceptronFile(widths) {
  let state = 1;
  const draw = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 1_073_741_823.5 - 1;
  };
  const node = [];
  const initializer = [];
  widths.forEach((width, at) => {
    const isLast = at === widths.length - 1;
    const next = widths[at + 1] ?? 1;
    const weights = Float32Array.from({ length: width * next }, () => draw() / Math.sqrt(width));
    initializer.push({ name: `w${at}`, dims: [width, next], dataType: FLOAT, rawData: new Uint8Array(weights.buffer) });
    const from = at === 0 ? 'x' : `h${at}`;
    node.push({ opType: 'MatMul', input: [from, `w${at}`], output: [isLast ? 'y' : `p${at}`] });
    if (!isLast) node.push({ opType: 'Relu', input: [`p${at}`], output: [`h${at + 1}`] });
  });
  const tensor = (name, columns) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: 'N' }, { dimValue: columns }] } } },
  });
  const graph = { name: 'perceptron', node, initializer, input: [tensor('x', widths[0])], output: [tensor('y', 1)] };
  const made = { irVersion: 8, producerName: 'mlops', graph, opsetImport: [{ domain: '', version: 17 }] };
  return Buffer.from(ModelProto.encode(made).finish());
}
