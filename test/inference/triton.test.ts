/** Triton's own client from PyPI, unchanged but for the URL, asks this server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InferenceRig, inferenceRig } from '../support/inference.ts';
import { constantModel, identityModel, namedInputsModel, weightedSumModel } from '../support/onnx-models.ts';
import { type TritonClient, tritonClient, withTriton } from '../support/triton.ts';

const KEY = 'a-key-of-the-tests';

describe.runIf(withTriton)("Triton's client", () => {
  let rig: InferenceRig;
  let client: TritonClient;
  beforeAll(async () => {
    rig = await inferenceRig({ apiKeys: { ci: KEY } });
    await rig.register('sum', weightedSumModel([1, 10]));
    await rig.register('sum', constantModel(7));
    rig.move('sum', 1, 'production');
    await rig.register('named', namedInputsModel('a', 'b'));
    client = await tritonClient(rig.url, KEY);
  }, 60_000);
  afterAll(async () => {
    await client?.stop();
    await rig?.close();
  });

  it('finds the server live and ready, its metadata, and which models are ready', async () => {
    expect(await client.call('live')).toBe(true);
    expect(await client.call('ready')).toBe(true);
    expect(await client.call('server')).toMatchObject({
      name: 'mlops',
      extensions: expect.arrayContaining(['binary_tensor_data']),
    });
    expect(await client.call('model_ready', ['sum'])).toBe(true);
    expect(await client.call('model_ready', ['sum', '2'])).toBe(true);
    expect(await client.call('model_ready', ['sum', '3'])).toBe(false);
    expect(await client.call('model_ready', ['none'])).toBe(false);
    expect(await client.call('metadata', ['sum'])).toEqual({
      name: 'sum',
      versions: ['1', '2'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    });
    expect(await client.call('metadata', ['named', '1'])).toMatchObject({ inputs: [{ name: 'a' }, { name: 'b' }] });
  });

  it.each([true, false])('infers with binary tensors: %s', async (binary) => {
    const x = {
      dtype: 'float32',
      data: [
        [1, 2],
        [3, 4],
      ],
    };
    expect(await client.call('infer', ['sum', '', { x }, ['y'], binary], { request_id: 'mine' })).toEqual({
      version: '1',
      id: 'mine',
      outputs: { y: ['float32', [[21], [43]]] },
    });
    expect(await client.call('infer', ['sum', '2', { x }, ['y'], binary])).toMatchObject({
      version: '2',
      outputs: { y: ['float32', [[7], [7]]] },
    });
    const named = { b: { dtype: 'int64', data: [5, 6] }, a: { dtype: 'float32', data: [[1], [2]] } };
    expect(await client.call('infer', ['named', '', named, [], binary])).toMatchObject({
      outputs: { sum: ['float32', [[51], [62]]] },
    });
  });

  it.each([
    ['bool', 'bool', [true, false]],
    ['int8', 'int8', [-128, 127]],
    ['int16', 'int16', [-300, 300]],
    ['int32', 'int32', [-70_000, 70_000]],
    ['int64', 'int64', [-5, 9_007_199_254_740_991]],
    ['uint8', 'uint8', [0, 255]],
    ['uint16', 'uint16', [0, 65_535]],
    ['uint32', 'uint32', [0, 4_294_967_295]],
    ['uint64', 'uint64', [0, 9_007_199_254_740_991]],
    ['float16', 'float16', [0.5, -2]],
    ['float32', 'float32', [0.5, -2]],
    ['float64', 'float64', [0.1, -2]],
    ['string', 'object', ['päivä', '']],
  ] as const)('sends and reads %s', async (type, dtype, data) => {
    await rig.register(`echo-${type}`, identityModel(type, ['N']));
    const ask = (binary: boolean) => client.call('infer', [`echo-${type}`, '', { x: { dtype, data } }, ['y'], binary]);
    expect(await ask(true)).toMatchObject({ outputs: { y: [dtype, data] } });
    // The client itself sends FP16 as binary data only.
    if (type !== 'float16') expect(await ask(false)).toMatchObject({ outputs: { y: [dtype, data] } });
  });

  it('sends packed bodies, and many at the same time', async () => {
    const x = { dtype: 'float32', data: [[1, 2]] };
    for (const packed of ['gzip', 'deflate'])
      expect(
        await client.call('infer', ['sum', '', { x }, ['y'], true], { request_compression_algorithm: packed }),
      ).toMatchObject({ outputs: { y: ['float32', [[21]]] } });
    expect(await client.call('many', ['sum', { x }, 50])).toEqual(
      Array.from({ length: 50 }, (_, at) => [String(at), [at + 20]]),
    );
  });

  it('lists, loads and unloads models', async () => {
    await client.call('unload', ['named']);
    expect(await client.call('model_ready', ['named'])).toBe(false);
    expect(await client.call('index')).toContainEqual({
      name: 'named',
      version: '1',
      state: 'UNAVAILABLE',
      reason: 'unloaded',
    });
    await client.call('load', ['named']);
    expect(await client.call('index')).toContainEqual({ name: 'named', version: '1', state: 'READY', reason: '' });
  });

  it('raises what the server says', async () => {
    const ask = (model: string, x: object) => client.call('infer', [model, '', { x }, ['y'], true]);
    await expect(ask('none', { dtype: 'float32', data: [[1, 2]] })).rejects.toThrow(
      '404 MD201 There is no model "none".',
    );
    await expect(ask('sum', { dtype: 'int64', data: [[1, 2]] })).rejects.toThrow(
      '400 EP204 The input "x" is INT64, but the model takes FP32.',
    );
    await expect(ask('sum', { dtype: 'float32', data: [[1, 2, 3]] })).rejects.toThrow('the model takes [-1, 2]');
    await expect(client.call('load', ['none'])).rejects.toThrow('404 MD201');
  });
});
