import { describe, expect, it } from 'vitest';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import { predictionsOf } from '../../src/serving/prediction.ts';
import {
  constantModel,
  namedInputsModel,
  threeClassesOneRow,
  weightedSumModel,
  zipMapModel,
} from '../support/onnx-models.ts';

const runtime = createOnnxRuntime();

describe('the ONNX runtime', () => {
  it('puts features side by side into one input', async () => {
    const model = await runtime.load(await constantModel(3), ['a.x', 'b.y']);
    expect(model.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1, 2] }]);
    expect(model.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: [-1, 1] }]);
    const answer = await model.answer(
      [
        [1, 2],
        [3, 4],
      ],
      2,
    );
    expect(predictionsOf(answer, null)).toEqual([{ value: 3 }, { value: 3 }]);
    await model.release();
  });

  it.each([
    ['set.feature', 'labs.bili', 'labs.age'],
    ['set__feature', 'labs__bili', 'labs__age'],
    ['feature alone', 'bili', 'age'],
  ])('matches several inputs by %s', async (_, a, b) => {
    const model = await runtime.load(await namedInputsModel(a, b), ['labs.age', 'labs.unused', 'labs.bili']);
    expect(model.featureTypes).toEqual(['int64', undefined, 'float32']);
    const { values } = await model.scores(
      [
        [50, 60n],
        [null, null],
        [1.5, 2.5],
      ],
      2,
    );
    expect([...values]).toEqual([501.5, 602.5]);
    await model.release();
  });

  it('refuses an integer input that is missing or broken, by name', async () => {
    const model = await runtime.load(await namedInputsModel('bili', 'age'), ['labs.age', 'labs.bili']);
    await expect(model.scores([[null], [1]], 1)).rejects.toMatchObject({
      code: 'EP204',
      detail: expect.stringContaining('"age"'),
    });
    await expect(model.scores([[1.5], [1]], 1)).rejects.toMatchObject({ code: 'EP204' });
    await model.release();
  });

  it('refuses a short name that two sets share, and inputs that are no feature', async () => {
    const bytes = await namedInputsModel('bili', 'age');
    await expect(runtime.load(bytes, ['labs.age', 'labs.bili', 'other.bili'])).rejects.toMatchObject({
      code: 'MD204',
      detail: expect.stringContaining('"bili"'),
    });
    await expect(runtime.load(bytes, ['labs.age', 'labs.bile'])).rejects.toMatchObject({
      code: 'MD204',
      hint: expect.stringContaining('bile'),
    });
  });

  it('refuses as many columns as there are no features for', async () => {
    await expect(runtime.load(await constantModel(1, 5), ['a.x', 'b.y'])).rejects.toMatchObject({
      code: 'MD204',
      detail: expect.stringContaining('takes 5 columns, but there are 2 features'),
    });
  });

  it('puts each number of an embedding into a column of its own, or gives it an input of its width', async () => {
    const features = ['a.x', 'a.embedding', 'b.y'];
    const columns = [
      [1, 2],
      [Float32Array.of(10, 20, 30), [40, 50, 60]],
      [7, null],
    ];
    const model = await runtime.load(await weightedSumModel([1000, 1, 0.1, 0.01, 100_000]), features, [1, 3, 1]);
    expect(model.featureWidths).toEqual([1, 3, 1]);
    const { values } = await model.answer(columns, 2);
    expect(values[0]).toBeCloseTo(1000 + 10 + 2 + 0.3 + 700_000, 1);
    expect(values[1]).toBeNaN();
    await expect(model.answer([[1], [[10, 20]], [7]], 1)).rejects.toMatchObject({
      code: 'EP204',
      detail: 'The model\'s input "x" takes an embedding of 3 numbers, not one of 2.',
    });
    await model.release();
    const alone = await runtime.load(await weightedSumModel([1, 2, 3], 'embedding'), features.slice(1, 2), [3]);
    expect((await alone.answer([[[1, 1, 1]]], 1)).values[0]).toBe(6);
    await alone.release();
    await expect(runtime.load(await weightedSumModel([1, 2, 3]), features, [1, 3, 1])).rejects.toMatchObject({
      code: 'MD204',
      detail: expect.stringContaining(
        'takes 3 columns, but there are 3 features: a.x, a.embedding, b.y (with a.embedding, which fills 3: 5 columns)',
      ),
    });
  });

  it('refuses maps instead of tensors and says how to export them', async () => {
    await expect(runtime.load(await zipMapModel(), ['a.x', 'b.y'])).rejects.toMatchObject({
      code: 'MD204',
      hint: expect.stringContaining("'zipmap': False"),
    });
  });

  it('refuses bytes that are no model', async () => {
    for (const bytes of [new Uint8Array(0), Buffer.from('not a model'), (await constantModel(1)).slice(0, 60)]) {
      await expect(runtime.load(bytes, ['a.x', 'b.y'])).rejects.toMatchObject({ code: 'MD204' });
    }
  });

  it('runs a model of batches of one row by row, and answers several classes as they are', async () => {
    const model = await runtime.load(await threeClassesOneRow(), ['a.x', 'a.y', 'a.z']);
    const answer = await model.answer(
      [
        [0, 9],
        [0, 0],
        [0, 0],
      ],
      2,
    );
    expect(answer).toMatchObject({ task: 'other', rows: 2, width: 3 });
    expect(answer.values[0]).toBeCloseTo(1 / 3, 6);
    expect(answer.values[3]).toBeGreaterThan(0.99);
    await expect(model.scores([[0], [0], [0]], 1)).rejects.toMatchObject({ code: 'MD204' });
    await model.release();
  });

  it('takes one number called probability for a classification', async () => {
    const model = await runtime.load(await constantModel(0.7, 2, 'probability'), ['a.x', 'b.y']);
    const [prediction] = predictionsOf(await model.answer([[1], [1]], 1), null);
    expect(prediction).toMatchObject({ label: 1 });
    await model.release();
  });

  it('gives memory back: models come and go by the hundred', async () => {
    const bytes = await constantModel(1);
    const once = async () => (await runtime.load(bytes, ['a.x', 'b.y'])).release();
    for (let at = 0; at < 50; at += 1) await once();
    const before = process.memoryUsage().rss;
    for (let at = 0; at < 300; at += 1) await once();
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(60);
  });
});
