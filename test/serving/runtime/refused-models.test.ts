import { describe, expect, it } from 'vitest';
import type { MlopsError } from '../../../src/lib/error.ts';
import { createOnnxRuntime } from '../../../src/serving/onnx-runtime.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { constantModel, identityModel, lyingModels, perceptron } from '../../support/onnx-models.ts';

const runtime = createOnnxRuntime();
const refusal = (content: Uint8Array): Promise<MlopsError> =>
  runtime.open(content).then(
    async (session) => {
      await session.release();
      throw new Error('it was not refused');
    },
    (error: MlopsError) => error,
  );

describe('a model file that must not serve', () => {
  it('is refused where it is cut off, wherever that is', async () => {
    const whole = await perceptron([4, 3]);
    const { next: random } = seededRandom(71);
    for (let times = 0; times < 60; times += 1) {
      const length = Math.floor(random() * whole.length);
      expect(await refusal(whole.slice(0, length)), `cut off after ${length} bytes`).toMatchObject({ code: 'MD204' });
    }
  });

  it('is refused, or answers as it declares, whatever bytes of it are damaged', async () => {
    const whole = await perceptron([4, 3]);
    const { next: random } = seededRandom(72);
    for (let times = 0; times < 150; times += 1) {
      const damaged = Uint8Array.from(whole);
      for (let byte = 0; byte < 4; byte += 1)
        damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      const opened = await runtime.open(damaged).catch((error: MlopsError) => error);
      if ('code' in opened) expect(opened, `damage ${times}`).toMatchObject({ code: 'MD204' });
      else await opened.release();
    }
  });

  it.each([
    [
      'answers more columns than it declares',
      lyingModels.width,
      'declared with the shape [-1, 1] but answered with [1, 3]',
    ],
    ['answers another type than it declares', lyingModels.type, 'does not load the file: '],
    [
      'keeps its weights beside itself',
      () => lyingModels.external('weights.bin'),
      'its tensor "w" lies in another file',
    ],
    [
      'reaches for files above itself',
      () => lyingModels.external('../../etc/passwd'),
      'its tensor "w" lies in another file',
    ],
    [
      'reaches for a file by its whole path',
      () => lyingModels.external('/etc/passwd'),
      'its tensor "w" lies in another file',
    ],
    [
      'asks for a tensor that no machine holds',
      lyingModels.huge,
      'its operator ConstantOfShape has the shape [1048576, 1048576]',
    ],
    [
      'is of a type that nobody can send',
      () => identityModel('bfloat16', ['N']),
      'an input or output is of type bfloat16',
    ],
    ['fails whatever it is given', lyingModels.fails, 'it fails with values of the types and shapes that it declares'],
  ])('is refused where it %s', async (_, make, detail) => {
    expect(await refusal(await make())).toMatchObject({ code: 'MD204', detail: expect.stringContaining(detail) });
  });

  it('is refused with what ONNX Runtime says in one line, without places in its sources', async () => {
    const { detail } = await refusal(await lyingModels.type());
    expect(detail).not.toMatch(/\n|onnxruntime_src/);
  });

  it('serves where all it says is so', async () => {
    const session = await runtime.open(await constantModel(4));
    const answer = await session.run({ x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } }, ['y']);
    expect([...(answer['y']!.data as Float32Array)]).toEqual([4]);
    await session.release();
  });
});
