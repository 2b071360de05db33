/** Small ONNX files of shapes that trainers elsewhere write. */
import { attribute, ELEMENT, encodeModel, floatTensor, ML_DOMAIN, tensorInfo } from '../../src/training/onnx/graph.ts';

/** One input of `width` columns, one output `y` = bias, [N, 1]. */
export function constantModel(bias: number, width = 2, output = 'y'): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'constant',
      node: [
        { opType: 'MatMul', input: ['x', 'w'], output: ['zero'] },
        { opType: 'Add', input: ['zero', 'b'], output: [output] },
      ],
      initializer: [floatTensor('w', [width, 1], new Float32Array(width)), floatTensor('b', [1], [bias])],
      input: [tensorInfo('x', ELEMENT.float, ['N', width])],
      output: [tensorInfo(output, ELEMENT.float, ['N', 1])],
    },
    {},
  );
}

/** One input of as many columns as there are weights, one output `y` = their weighted sum, [N, 1]. */
export function weightedSumModel(weights: readonly number[], input = 'x'): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'weighted_sum',
      node: [{ opType: 'MatMul', input: [input, 'w'], output: ['y'] }],
      initializer: [floatTensor('w', [weights.length, 1], Float32Array.from(weights))],
      input: [tensorInfo(input, ELEMENT.float, ['N', weights.length])],
      output: [tensorInfo('y', ELEMENT.float, ['N', 1])],
    },
    {},
  );
}

/** Two inputs by name, float [N, 1] and int64 [N]; `sum` = a + 10 b. */
export function namedInputsModel(a: string, b: string): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'named',
      node: [
        { opType: 'Cast', input: [b], output: ['float'], attribute: [attribute.int('to', ELEMENT.float)] },
        { opType: 'Unsqueeze', input: ['float', 'axis'], output: ['column'] },
        { opType: 'Mul', input: ['column', 'ten'], output: ['tens'] },
        { opType: 'Add', input: [a, 'tens'], output: ['sum'] },
      ],
      initializer: [
        floatTensor('ten', [], [10]),
        { name: 'axis', dims: [1], dataType: ELEMENT.int64, rawData: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) },
      ],
      input: [tensorInfo(a, ELEMENT.float, ['N', 1]), tensorInfo(b, ELEMENT.int64, ['N'])],
      output: [tensorInfo('sum', ELEMENT.float, ['N', 1])],
    },
    {},
  );
}

/** As scikit-learn's converter writes a classifier by default: probabilities as a sequence of maps. */
export function zipMapModel(): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'zipmap',
      node: [
        {
          opType: 'ZipMap',
          domain: ML_DOMAIN,
          input: ['x'],
          output: ['output_probability'],
          attribute: [attribute.ints('classlabels_int64s', [0, 1])],
        },
      ],
      initializer: [],
      input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
      output: [{ name: 'output_probability' }],
    },
    {},
  );
}

/** Softmax over three columns: a classifier of three classes, batches of one only. */
export function threeClassesOneRow(): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'three',
      node: [{ opType: 'Softmax', input: ['x'], output: ['probabilities'], attribute: [attribute.int('axis', 1)] }],
      initializer: [],
      input: [tensorInfo('x', ELEMENT.float, [1, 3])],
      output: [tensorInfo('probabilities', ELEMENT.float, [1, 3])],
    },
    {},
  );
}
