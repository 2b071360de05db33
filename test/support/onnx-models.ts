/** Small ONNX files of shapes that trainers elsewhere write. */
import {
  attribute,
  ELEMENT,
  encodeModel,
  floatTensor,
  int64Tensor,
  ML_DOMAIN,
  tensorInfo,
} from '../../src/training/onnx/graph.ts';

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

/** Layers of dense weights from a seed, between them ReLU; one number a row. */
export function perceptron(widths: readonly number[], seed = 1): Promise<Uint8Array> {
  let state = seed;
  const draw = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 1_073_741_823.5 - 1;
  };
  const sizes = [...widths, 1];
  const layers = widths.map((width, at) => ({ width, next: sizes[at + 1]!, last: at === widths.length - 1 }));
  return encodeModel(
    {
      name: 'perceptron',
      node: layers.flatMap(({ last }, at) => {
        const from = at === 0 ? 'x' : `h${at}`;
        const product = { opType: 'MatMul', input: [from, `w${at}`], output: [last ? 'y' : `p${at}`] };
        return last ? [product] : [product, { opType: 'Relu', input: [`p${at}`], output: [`h${at + 1}`] }];
      }),
      initializer: layers.map(({ width, next }, at) =>
        floatTensor(
          `w${at}`,
          [width, next],
          Float32Array.from({ length: width * next }, () => draw() / Math.sqrt(width)),
        ),
      ),
      input: [tensorInfo('x', ELEMENT.float, ['N', widths[0]!])],
      output: [tensorInfo('y', ELEMENT.float, ['N', 1])],
    },
    {},
  );
}

/** What a file may say of itself that is not so, or must not be asked for. */
export const lyingModels = {
  /** Declares one column and answers three. */
  width: () =>
    encodeModel(
      {
        name: 'width',
        node: [{ opType: 'MatMul', input: ['x', 'w'], output: ['y'] }],
        initializer: [floatTensor('w', [2, 3], new Float32Array(6))],
        input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
        output: [tensorInfo('y', ELEMENT.float, ['N', 1])],
      },
      {},
    ),
  /** Declares floats and answers whole numbers. */
  type: () =>
    encodeModel(
      {
        name: 'type',
        node: [{ opType: 'Cast', input: ['x'], output: ['y'], attribute: [attribute.int('to', ELEMENT.int64)] }],
        initializer: [],
        input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
        output: [tensorInfo('y', ELEMENT.float, ['N', 2])],
      },
      {},
    ),
  /** Its weights lie in another file. */
  external: (location: string) =>
    encodeModel(
      {
        name: 'external',
        node: [{ opType: 'MatMul', input: ['x', 'w'], output: ['y'] }],
        initializer: [
          {
            name: 'w',
            dims: [2, 1],
            dataType: ELEMENT.float,
            dataLocation: 1,
            externalData: [{ key: 'location', value: location }],
          },
        ],
        input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
        output: [tensorInfo('y', ELEMENT.float, ['N', 1])],
      },
      {},
    ),
  /** Asks for 2^40 numbers at every run. */
  huge: () =>
    encodeModel(
      {
        name: 'huge',
        node: [
          { opType: 'ConstantOfShape', input: ['shape'], output: ['zeros'] },
          { opType: 'ReduceSum', input: ['zeros'], output: ['none'], attribute: [attribute.int('keepdims', 0)] },
          { opType: 'Add', input: ['x', 'none'], output: ['y'] },
        ],
        initializer: [int64Tensor('shape', [2], [2 ** 20, 2 ** 20])],
        input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
        output: [tensorInfo('y', ELEMENT.float, ['N', 2])],
      },
      {},
    ),
  /** Declares any number of columns that its weights do not have. */
  fails: () =>
    encodeModel(
      {
        name: 'fails',
        node: [
          { opType: 'Reshape', input: ['x', 'shape'], output: ['z'] },
          { opType: 'MatMul', input: ['z', 'w'], output: ['y'] },
        ],
        initializer: [int64Tensor('shape', [2], [7, -1]), floatTensor('w', [2, 1], [1, 1])],
        input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
        output: [tensorInfo('y', ELEMENT.float, ['N', 1])],
      },
      {},
    ),
};

/** Each row is shared among all rows of its batch. */
export function softmaxOverRows(): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'over_rows',
      node: [{ opType: 'Softmax', input: ['x'], output: ['y'], attribute: [attribute.int('axis', 0)] }],
      initializer: [],
      input: [tensorInfo('x', ELEMENT.float, ['N', 2])],
      output: [tensorInfo('y', ELEMENT.float, ['N', 2])],
    },
    {},
  );
}

/** `y` = the entry of a table of three at `index`, which fails beyond it. */
export function lookupModel(): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'lookup',
      node: [{ opType: 'Gather', input: ['table', 'index'], output: ['y'] }],
      initializer: [floatTensor('table', [3], [10, 20, 30])],
      input: [tensorInfo('index', ELEMENT.int64, ['N'])],
      output: [tensorInfo('y', ELEMENT.float, ['N'])],
    },
    {},
  );
}

/** Numbers of TensorProto.DataType. */
const TYPE_NUMBERS = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** `y` = `x`, of any type. */
export function identityModel(type: keyof typeof TYPE_NUMBERS, shape: readonly (number | 'N')[]): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'identity',
      node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
      initializer: [],
      input: [tensorInfo('x', TYPE_NUMBERS[type], shape)],
      output: [tensorInfo('y', TYPE_NUMBERS[type], shape)],
    },
    {},
  );
}

/** `y` = `a` / `b`, whole numbers. */
export function dividingModel(): Promise<Uint8Array> {
  return encodeModel(
    {
      name: 'dividing',
      node: [{ opType: 'Div', input: ['a', 'b'], output: ['y'] }],
      initializer: [],
      input: [tensorInfo('a', TYPE_NUMBERS.int32, ['N']), tensorInfo('b', TYPE_NUMBERS.int32, ['N'])],
      output: [tensorInfo('y', TYPE_NUMBERS.int32, ['N'])],
    },
    {},
  );
}
