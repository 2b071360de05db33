import { describe, expect, it } from 'vitest';
import { createOnnxRuntime } from '../../../src/serving/onnx-runtime.ts';
import { createBatcher } from '../../../src/serving/runtime/batcher.ts';
import type { OnnxSession } from '../../../src/serving/runtime/onnx-session.ts';
import type { RawTensor, RawTensors } from '../../../src/serving/runtime/tensors.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { lookupModel, perceptron, softmaxOverRows } from '../../support/onnx-models.ts';
import { trainedModel } from '../../support/trained-model.ts';

const runtime = createOnnxRuntime();
const floats = (rows: readonly (readonly number[])[]): RawTensor => ({
  type: 'float32',
  dims: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
});
const numbers = (tensor: RawTensor | undefined): number[] => Array.from(tensor!.data as ArrayLike<number>);

/** Counts runs and answers each row its double. */
function doubling(options: { readonly fails?: (rows: number) => boolean } = {}) {
  const runs: number[] = [];
  const run = async (feeds: RawTensors): Promise<RawTensors> => {
    const { data, dims } = feeds['x']!;
    runs.push(dims[0]!);
    if (options.fails?.(dims[0]!) === true) throw new Error(`failed with ${dims[0]} rows`);
    return { y: { type: 'float32', dims: [...dims], data: (data as Float32Array).map((value) => value * 2) } };
  };
  return { run, runs };
}

describe('requests that arrive together', () => {
  it('run together, and each gets its own rows', async () => {
    const { run, runs } = doubling();
    const batcher = createBatcher({ run, rowsApart: true, batches: true });
    const answers = await Promise.all(
      [1, 2, 3].map((count) =>
        batcher.run({ x: floats(Array.from({ length: count }, (_, at) => [count * 10 + at])) }, ['y']),
      ),
    );
    expect(answers.map(({ y }) => numbers(y))).toEqual([[20], [40, 42], [60, 62, 64]]);
    expect(runs).toEqual([6]);
  });

  it('run in batches no larger than allowed, and what is larger runs alone', async () => {
    const { run, runs } = doubling();
    const batcher = createBatcher({ run, rowsApart: true, batches: true });
    const limits = { maxBatch: 4, maxDelayMs: 0 };
    const ask = (count: number) => batcher.run({ x: floats(Array.from({ length: count }, () => [1])) }, ['y'], limits);
    await Promise.all([ask(1), ask(1), ask(1), ask(1), ask(1), ask(9), ask(3)]);
    expect(runs.sort()).toEqual([4, 4, 9]);
  });

  it('wait no longer for others than the most impatient of them allows', async () => {
    const { run, runs } = doubling();
    const batcher = createBatcher({ run, rowsApart: true, batches: true });
    const ask = (maxDelayMs: number) => batcher.run({ x: floats([[1]]) }, ['y'], { maxBatch: 64, maxDelayMs });
    await Promise.all([ask(60_000), ask(60_000), ask(0)]);
    await ask(1);
    expect(runs).toEqual([3, 1]);
  });

  it('run alone where the model looks at other rows, where it does not pay, and where nobody may wait', async () => {
    for (const [given, limits] of [
      [{ rowsApart: false, batches: false }, undefined],
      [
        { rowsApart: false, batches: false },
        { maxBatch: 64, maxDelayMs: 5 },
      ],
      [{ rowsApart: true, batches: false }, undefined],
      [{ rowsApart: null, batches: false }, undefined],
      [
        { rowsApart: true, batches: true },
        { maxBatch: 1, maxDelayMs: 0 },
      ],
    ] as const) {
      const { run, runs } = doubling();
      const batcher = createBatcher({ run, ...given });
      await Promise.all([1, 2].map(() => batcher.run({ x: floats([[1]]) }, ['y'], limits)));
      expect(runs, JSON.stringify([given, limits])).toEqual([1, 1]);
    }
  });

  it('are each told their own where they fail together', async () => {
    const session = await runtime.open(await lookupModel());
    const ask = (index: number) =>
      session.run({ index: { type: 'int64', dims: [1], data: BigInt64Array.of(BigInt(index)) } }, ['y'], {
        maxBatch: 64,
        maxDelayMs: 0,
      });
    const [first, wrong, last] = await Promise.allSettled([ask(0), ask(9), ask(2)]);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(wrong).toMatchObject({ status: 'rejected', reason: { code: 'EP206' } });
    expect(last.status === 'fulfilled' && numbers(last.value['y'])).toEqual([30]);
    await session.release();
  });

  it('are kept apart by their shapes and by the outputs that they ask for', async () => {
    const { run, runs } = doubling();
    const batcher = createBatcher({ run, rowsApart: true, batches: true });
    await Promise.all([
      batcher.run({ x: floats([[1]]) }, ['y']),
      batcher.run({ x: floats([[1, 2]]) }, ['y']),
      batcher.run({ x: floats([[1]]) }, ['y', 'z']),
    ]);
    expect(runs).toEqual([1, 1, 1]);
  });
});

describe('a trial of a model tells', () => {
  const opened = async (content: Uint8Array, look: (session: OnnxSession) => unknown): Promise<unknown> => {
    const session = await runtime.open(content);
    try {
      return await look(session);
    } finally {
      await session.release();
    }
  };

  it('whether it answers each row by itself', async () => {
    expect(await opened(await perceptron([4, 8]), ({ rowsApart }) => rowsApart)).toBe(true);
    expect(await opened(await softmaxOverRows(), ({ rowsApart }) => rowsApart)).toBe(false);
  });

  it('that many rows cost less together, of a network and of trees', async () => {
    expect(await opened(await perceptron([32, 256, 256]), ({ batches }) => batches)).toBe(true);
    expect(await opened(await trainedModel('gradient_boosting'), ({ batches }) => batches)).toBe(true);
  });
});

describe('what runs together answers what it answers alone', () => {
  it.each([
    ['a network', () => perceptron([6, 64, 64])],
    ['gradient boosting', () => trainedModel('gradient_boosting')],
    ['a random forest', () => trainedModel('random_forest')],
    ['logistic regression', () => trainedModel('logistic_regression')],
  ])('bit for bit: %s', async (_, make) => {
    const session = await runtime.open(await make());
    const { next: random } = seededRandom(73);
    const input = session.inputs[0]!;
    const outputs = session.outputs.map(({ name }) => name);
    for (let round = 0; round < 20; round += 1) {
      const requests = Array.from({ length: 1 + Math.floor(random() * 30) }, () =>
        floats(
          Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
            Array.from({ length: input.shape[1]! }, () => (random() < 0.1 ? Number.NaN : random() * 20 - 10)),
          ),
        ),
      );
      const ask = (maxBatch: number) =>
        Promise.all(
          requests.map((tensor) => session.run({ [input.name]: tensor }, outputs, { maxBatch, maxDelayMs: 0 })),
        );
      const [alone, together] = [await ask(1), await ask(200)];
      const plain = (answers: readonly RawTensors[]) =>
        answers.map((answer) =>
          outputs.map((name) => [answer[name]!.dims, Array.from(answer[name]!.data as Float32Array)]),
        );
      expect(plain(together), `round ${round} of seed 73`).toEqual(plain(alone));
    }
    await session.release();
  });
});
