/** The Open Inference Protocol over HTTP, as a client without a library speaks it. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type InferenceRig, inferenceRig } from '../support/inference.ts';
import {
  constantModel,
  dividingModel,
  identityModel,
  lookupModel,
  lyingModels,
  namedInputsModel,
  weightedSumModel,
  zipMapModel,
} from '../support/onnx-models.ts';

let rig: InferenceRig;
beforeEach(async () => {
  rig = await inferenceRig();
});
afterEach(() => rig.close());

interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into member by member
  readonly body: any;
  readonly headers: Headers;
}

async function call(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Told> {
  const answer = await fetch(`${rig.url}${path}`, {
    headers,
    ...(body !== undefined && {
      method: 'POST',
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text), headers: answer.headers };
}

const tensor = (datatype: string, shape: readonly number[], data: unknown, name = 'x') => ({
  name,
  datatype,
  shape,
  data,
});

/** JSON, then the binary data of its tensors. */
async function binary(path: string, request: unknown, data: Uint8Array, headers: Record<string, string> = {}) {
  const json = Buffer.from(JSON.stringify(request));
  const answer = await fetch(`${rig.url}${path}`, {
    method: 'POST',
    body: Buffer.concat([json, data]) as unknown as string,
    headers: { 'inference-header-content-length': String(json.length), ...headers },
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const length = Number(answer.headers.get('inference-header-content-length') ?? bytes.length);
  return {
    status: answer.status,
    body: JSON.parse(bytes.toString('utf8', 0, length)),
    data: bytes.subarray(length),
    type: answer.headers.get('content-type'),
  };
}

describe('the server', () => {
  it('says what it is, and that it lives and is ready', async () => {
    expect((await call('/v2')).body).toEqual({
      name: 'mlops',
      version: '1.2.3',
      extensions: ['binary_tensor_data', 'model_repository', 'parameters'],
    });
    expect(await call('/v2/health/live')).toMatchObject({ status: 200, body: { live: true } });
    expect(await call('/v2/health/ready')).toMatchObject({ status: 200, body: { ready: true } });
  });

  it('lets nobody in without a key, but to ask for its health', async () => {
    const locked = await inferenceRig({ apiKeys: { ci: 'open-sesame' } });
    try {
      await locked.register('m', constantModel(1));
      const infer = (headers: Record<string, string>) =>
        fetch(`${locked.url}/v2/models/m/infer`, {
          method: 'POST',
          body: JSON.stringify({ inputs: [tensor('FP32', [1, 2], [1, 2])] }),
          headers,
        });
      const refused = await infer({});
      expect(refused.status).toBe(401);
      expect(await refused.json()).toEqual({ error: expect.stringContaining('API401') });
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
      expect((await infer({ authorization: 'Bearer open-sesame' })).status).toBe(200);
      expect((await fetch(`${locked.url}/v2/models/m`)).status).toBe(401);
      expect((await fetch(`${locked.url}/v2/repository/index`, { method: 'POST' })).status).toBe(401);
      expect((await fetch(`${locked.url}/v2/health/live`)).status).toBe(200);
    } finally {
      await locked.close();
    }
  });
});

describe('a model', () => {
  it('tells its tensors and versions, and that it is ready', async () => {
    await rig.register('m', constantModel(1));
    await rig.register('m', namedInputsModel('a', 'b'));
    const inputs = [
      { name: 'a', datatype: 'FP32', shape: [-1, 1] },
      { name: 'b', datatype: 'INT64', shape: [-1] },
    ];
    const outputs = [{ name: 'sum', datatype: 'FP32', shape: [-1, 1] }];
    expect((await call('/v2/models/m')).body).toEqual({
      name: 'm',
      versions: ['1', '2'],
      platform: 'onnx_onnxv1',
      inputs,
      outputs,
    });
    expect((await call('/v2/models/m/versions/2')).body).toEqual({
      name: 'm',
      versions: ['2'],
      platform: 'onnx_onnxv1',
      inputs,
      outputs,
    });
    expect((await call('/v2/models/m/versions/1/ready')).body).toEqual({ name: 'm', ready: true });
    expect((await call('/v2/models/m/ready')).body).toEqual({ name: 'm', ready: true });
  });

  it('is 404 where there is none, or no such version', async () => {
    await rig.register('m', constantModel(1));
    for (const path of [
      '/v2/models/no',
      '/v2/models/no/ready',
      '/v2/models/m/versions/7',
      '/v2/models/m/versions/x/ready',
    ]) {
      const { status, body } = await call(path);
      expect([path, status, body]).toEqual([path, 404, { error: expect.stringContaining('MD201') }]);
    }
    expect(await call('/v2/models/m/versions/0/infer', { inputs: [] })).toMatchObject({ status: 404 });
    expect(await call('/v2/models/a%2Fb/infer', { inputs: [] })).toMatchObject({ status: 404 });
  });

  it('answers with the version in production, else the newest, and with a version that is named', async () => {
    for (const bias of [1, 2, 3]) await rig.register('m', constantModel(bias));
    const ask = async (path = '') => {
      const { body } = await call(`/v2/models/m${path}/infer`, { inputs: [tensor('FP32', [1, 2], [0, 0])] });
      return [body.model_version, body.outputs[0].data[0]];
    };
    expect(await ask()).toEqual(['3', 3]);
    rig.move('m', 1, 'production');
    await eventually(async () => expect(await ask()).toEqual(['1', 1]));
    expect(await ask('/versions/2')).toEqual(['2', 2]);
    rig.move('m', 1, 'archived');
    rig.move('m', 2, 'production');
    await eventually(async () => expect(await ask()).toEqual(['2', 2]));
  });

  it('loses no request while versions are promoted', async () => {
    for (let bias = 1; bias <= 30; bias += 1) await rig.register('m', constantModel(bias));
    rig.move('m', 1, 'production');
    let promoting = true;
    const seen = new Set<string>();
    const client = async (): Promise<void> => {
      while (promoting) {
        const { status, body } = await call('/v2/models/m/infer', { inputs: [tensor('FP32', [1, 2], [0, 0])] });
        expect([status, String(body.outputs[0].data[0])]).toEqual([200, body.model_version]);
        seen.add(body.model_version);
      }
    };
    const clients = [1, 2, 3, 4].map(client);
    for (let next = 2; next <= 30; next += 1) {
      rig.move('m', next - 1, 'archived');
      rig.move('m', next, 'production');
      if (next % 3 === 0) await eventually(async () => expect(seen).toContain(String(next)));
    }
    await eventually(async () => expect(seen).toContain('30'));
    promoting = false;
    await Promise.all(clients);
    // What answered before is not kept.
    expect(rig.versions.status().loaded.length).toBeLessThan(5);
  });

  it('goes on with its version where the one in production does not load', async () => {
    await rig.register('m', constantModel(1));
    await rig.register('m', lyingModels.width());
    rig.move('m', 1, 'production');
    const ask = async () =>
      (await call('/v2/models/m/infer', { inputs: [tensor('FP32', [1, 2], [0, 0])] })).body.model_version;
    expect(await ask()).toBe('1');
    rig.move('m', 1, 'archived');
    rig.move('m', 2, 'production');
    await eventually(async () => expect((await call('/v2/models/m/versions/2/ready')).status).toBe(422));
    expect(await ask()).toBe('1');
  });
});

describe('an inference', () => {
  it('answers data that is flat or nested, with its id, by the outputs that are asked for', async () => {
    await rig.register('m', weightedSumModel([1, 10]));
    const flat = await call('/v2/models/m/infer', { id: 'mine', inputs: [tensor('FP32', [2, 2], [1, 2, 3, 4])] });
    expect(flat).toMatchObject({
      status: 200,
      body: {
        model_name: 'm',
        model_version: '1',
        id: 'mine',
        outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 1], data: [21, 43] }],
      },
    });
    expect(flat.headers.get('content-type')).toBe('application/json');
    const nested = await call('/v2/models/m/versions/1/infer', {
      inputs: [
        tensor(
          'FP32',
          [2, 2],
          [
            [1, 2],
            [3, 4],
          ],
        ),
      ],
      outputs: [{ name: 'y' }],
    });
    expect(nested.body.outputs).toEqual(flat.body.outputs);
    expect(nested.body).not.toHaveProperty('id');
  });

  const TYPES = [
    ['bool', 'BOOL', [true, false], [1, 0]],
    ['int8', 'INT8', [-128, 127], [0x80, 0x7f]],
    ['int16', 'INT16', [-2, 300], [0xfe, 0xff, 0x2c, 0x01]],
    ['int32', 'INT32', [-1, 65_536], [0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]],
    ['int64', 'INT64', [-1, 2], [...new Array<number>(8).fill(0xff), 2, 0, 0, 0, 0, 0, 0, 0]],
    ['uint8', 'UINT8', [0, 255], [0, 255]],
    ['uint16', 'UINT16', [1, 65_535], [1, 0, 255, 255]],
    ['uint32', 'UINT32', [1, 4_294_967_295], [1, 0, 0, 0, 255, 255, 255, 255]],
    ['uint64', 'UINT64', [1, 2], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]],
    ['float16', 'FP16', [1, -2.5], [0, 0x3c, 0, 0xc1]],
    ['float32', 'FP32', [1, -2.5], [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]],
    ['float64', 'FP64', [1, -2], [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]],
    ['string', 'BYTES', ['', 'päivä'], [0, 0, 0, 0, 7, 0, 0, 0, ...Buffer.from('päivä')]],
  ] as const;
  it.each(TYPES)('takes and gives %s as %s, in JSON and in bytes', async (type, datatype, values, bytes) => {
    await rig.register('m', identityModel(type, ['N']));
    const inputs = [tensor(datatype, [2], values)];
    const inJson = await call('/v2/models/m/infer', { inputs });
    expect(inJson.body.outputs).toEqual([{ name: 'y', datatype, shape: [2], data: values }]);
    const inBytes = await binary(
      '/v2/models/m/infer',
      {
        inputs: [{ name: 'x', datatype, shape: [2], parameters: { binary_data_size: bytes.length } }],
        outputs: [{ name: 'y', parameters: { binary_data: true } }],
      },
      Uint8Array.from(bytes),
    );
    expect(inBytes.body.outputs).toEqual([
      { name: 'y', datatype, shape: [2], parameters: { binary_data_size: bytes.length } },
    ]);
    expect([...inBytes.data]).toEqual([...bytes]);
    expect(inBytes.type).toBe('application/octet-stream');
  });

  it('keeps 64-bit integers exact, both ways', async () => {
    await rig.register('m', identityModel('int64', ['N']));
    const text =
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[2],"data":[9223372036854775807,-9007199254740993]}]}';
    const answer = await fetch(`${rig.url}/v2/models/m/infer`, { method: 'POST', body: text });
    expect(await answer.text()).toContain('"data":[9223372036854775807,-9007199254740993]');
  });

  it('takes JSON and bytes side by side, and tells all outputs in bytes where that is asked for', async () => {
    await rig.register('m', namedInputsModel('a', 'b'));
    const { body, data } = await binary(
      '/v2/models/m/infer',
      {
        parameters: { binary_data_output: true },
        inputs: [
          tensor('FP32', [1, 1], [2], 'a'),
          { name: 'b', datatype: 'INT64', shape: [1], parameters: { binary_data_size: 8 } },
        ],
      },
      Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0),
    );
    expect(body.outputs).toEqual([
      { name: 'sum', datatype: 'FP32', shape: [1, 1], parameters: { binary_data_size: 4 } },
    ]);
    expect(data.readFloatLE()).toBe(32);
  });

  it('takes a body that comes in pieces, without its length', async () => {
    await rig.register('m', weightedSumModel([1, 10]));
    const text = JSON.stringify({ inputs: [tensor('FP32', [1, 2], [3, 4])] });
    const answer = await fetch(`${rig.url}/v2/models/m/infer`, {
      method: 'POST',
      body: new Blob([text]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [43] }] });
  });

  it('takes no rows, and a body that is packed', async () => {
    await rig.register('m', constantModel(1));
    const none = await call('/v2/models/m/infer', { inputs: [tensor('FP32', [0, 2], [])] });
    expect(none.body.outputs).toEqual([{ name: 'y', datatype: 'FP32', shape: [0, 1], data: [] }]);
    const packed = gzipSync(JSON.stringify({ inputs: [tensor('FP32', [1, 2], [1, 2])] }));
    expect((await call('/v2/models/m/infer', packed, { 'content-encoding': 'gzip' })).body.outputs[0].data).toEqual([
      1,
    ]);
    expect(await call('/v2/models/m/infer', packed, { 'content-encoding': 'br' })).toMatchObject({ status: 415 });
    expect(await call('/v2/models/m/infer', packed, { 'content-encoding': 'deflate' })).toMatchObject({ status: 400 });
    const bomb = gzipSync(Buffer.alloc(40 * 2 ** 20));
    expect(await call('/v2/models/m/infer', bomb, { 'content-encoding': 'gzip' })).toMatchObject({ status: 413 });
  });

  it('takes NaN only where that is said, and tells it as null in JSON', async () => {
    await rig.register('m', identityModel('float32', ['N']));
    const ask = (more: object) => call('/v2/models/m/infer', { ...more, inputs: [tensor('FP32', [2], [null, 1])] });
    expect(await ask({})).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('Element 0 of the input "x" is null') },
    });
    expect((await ask({ parameters: { allow_nan: true } })).body.outputs[0].data).toEqual([null, 1]);
    const nan = Buffer.alloc(4);
    nan.writeFloatLE(Number.NaN);
    const inBytes = (parameters: object) =>
      binary(
        '/v2/models/m/infer',
        { inputs: [{ name: 'x', datatype: 'FP32', shape: [1], parameters: { binary_data_size: 4, ...parameters } }] },
        nan,
      );
    expect(await inBytes({})).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('"allow_nan": true') },
    });
    expect(await inBytes({ allow_nan: true })).toMatchObject({ status: 200 });
    expect(
      await call('/v2/models/m/infer', '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[NaN]}]}'),
    ).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('The body is not JSON') },
    });
  });

  it('answers together with others that come at the same time, each its own', async () => {
    await rig.register('m', weightedSumModel([1, 10]));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        call('/v2/models/m/infer', { id: String(at), inputs: [tensor('FP32', [1, 2], [at, 1])] }),
      ),
    );
    expect(answers.map(({ body }) => [body.id, body.outputs[0].data[0]])).toEqual(
      Array.from({ length: 40 }, (_, at) => [String(at), at + 10]),
    );
  });
});

describe('what is wrong with an inference is told in a sentence', () => {
  const good = tensor('FP32', [1, 2], [1, 2]);
  const deep = `${'['.repeat(100_000)}1${']'.repeat(100_000)}`;
  it.each<[string, unknown, number, string]>([
    ['no JSON', '{"inputs":', 400, 'The body is not JSON'],
    ['a list', [], 400, 'The body is a list; it is an object.'],
    ['no inputs', {}, 400, '"inputs" is missing; it is a list of tensors.'],
    ['inputs that are no list', { inputs: {} }, 400, '"inputs" is an object'],
    ['an input that is none', { inputs: [1] }, 400, 'An input is 1; it is an object.'],
    ['no name', { inputs: [{}] }, 400, 'The "name" of an input is missing'],
    ['a missing tensor', { inputs: [] }, 400, 'The input "x" is missing.'],
    ['a tensor twice', { inputs: [good, good] }, 400, 'The input "x" is there twice.'],
    ['a tensor that it has not', { inputs: [{ ...good, name: 'z' }] }, 400, 'The model has no input "z"; it has "x".'],
    [
      'another type',
      { inputs: [{ ...good, datatype: 'INT64' }] },
      400,
      'The input "x" is INT64, but the model takes FP32.',
    ],
    ['no type', { inputs: [{ ...good, datatype: undefined }] }, 400, 'The input "x" is missing, but'],
    ['no shape', { inputs: [{ ...good, shape: undefined }] }, 400, 'The "shape" of the input "x" is missing'],
    ['a negative size', { inputs: [{ ...good, shape: [-1, 2] }] }, 400, 'holds -1; sizes are whole numbers from 0'],
    ['half a size', { inputs: [{ ...good, shape: [0.5, 2] }] }, 400, 'holds 0.5'],
    ['a size beyond all', { inputs: [{ ...good, shape: [1e12, 2] }] }, 400, 'holds 1000000000000'],
    ['a shape beyond all', { inputs: [{ ...good, shape: [2_000_000_000, 2] }] }, 400, 'is too large'],
    [
      'another width',
      { inputs: [tensor('FP32', [1, 3], [1, 2, 3])] },
      400,
      'has the shape [1, 3], but the model takes [-1, 2], where -1 is any size',
    ],
    [
      'other dimensions',
      { inputs: [tensor('FP32', [2], [1, 2])] },
      400,
      'has the shape [2], but the model takes [-1, 2]',
    ],
    [
      'too few values',
      { inputs: [tensor('FP32', [2, 2], [1, 2, 3])] },
      400,
      'has 3 elements, but its shape [2, 2] takes 4',
    ],
    ['no values', { inputs: [{ ...good, data: undefined }] }, 400, 'The "data" of the input "x" is missing'],
    [
      'rows of several lengths',
      { inputs: [tensor('FP32', [2, 2], [[1, 2, 3], [4]])] },
      400,
      'in dimension 1 there are 3 elements',
    ],
    ['a row that is none', { inputs: [tensor('FP32', [2, 2], [[1, 2], 3])] }, 400, 'in dimension 1 there is 3'],
    [
      'a text',
      { inputs: [tensor('FP32', [1, 2], [1, 'two'])] },
      400,
      'Element 1 of the input "x" is "two": FP32 takes numbers.',
    ],
    ['a number beyond its type', { inputs: [tensor('FP32', [1, 2], [1e39, 1])] }, 400, 'is 1e+39: it is beyond FP32'],
    [
      'a number beyond all',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1e999,1]}]}',
      400,
      'is Infinity: it is beyond FP32',
    ],
    [
      'deep data',
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":${deep}}]}`,
      400,
      'does not have its shape [1, 2]',
    ],
    [
      'deep data with long numbers',
      `{"inputs":[{"name":"x","datatype":"INT64","shape":[1,2],"data":${deep.replace('1', '12345678901234567890')}}]}`,
      400,
      '',
    ],
    ['an id that is no text', { id: 4, inputs: [good] }, 400, '"id" is 4; it is a text.'],
    [
      'an output that it has not',
      { inputs: [good], outputs: [{ name: 'z' }] },
      400,
      'The model has no output "z"; it has "y".',
    ],
    [
      'an output twice',
      { inputs: [good], outputs: [{ name: 'y' }, { name: 'y' }] },
      400,
      'The output "y" is asked for twice.',
    ],
    ['outputs that are no list', { inputs: [good], outputs: 'y' }, 400, '"outputs" is "y"; it is a list'],
    [
      'a classification',
      { inputs: [good], outputs: [{ name: 'y', parameters: { classification: 2 } }] },
      400,
      'classification, which is not offered',
    ],
    [
      'shared memory',
      { inputs: [{ ...good, parameters: { shared_memory_region: 'r' } }] },
      400,
      'shared memory, which is not offered',
    ],
    ['parameters that are none', { inputs: [good], parameters: 3 }, 400, '"parameters" of the request is 3'],
    [
      'a binary size that is none',
      { inputs: [{ ...good, data: undefined, parameters: { binary_data_size: 'all' } }] },
      400,
      'is "all"; it is a number of bytes',
    ],
    [
      'bytes that are not there',
      { inputs: [{ ...good, data: undefined, parameters: { binary_data_size: 8 } }] },
      400,
      'says 8 bytes of binary data, but 0 are left',
    ],
    [
      'data and bytes',
      { inputs: [{ ...good, parameters: { binary_data_size: 8 } }] },
      400,
      'both "data" and "binary_data_size"',
    ],
  ])('%s', async (_, body, status, error) => {
    await rig.register('m', constantModel(1));
    expect(await call('/v2/models/m/infer', body)).toMatchObject({
      status,
      body: { error: expect.stringContaining(error) },
    });
    expect(rig.errors).toEqual([]);
  });

  it.each<[string, number | undefined, object, number[], string]>([
    [
      'a length of JSON beyond the body',
      9_999,
      { binary_data_size: 8 },
      [0, 0, 0, 0, 0, 0, 0, 0],
      'The header Inference-Header-Content-Length is 9999',
    ],
    [
      'more bytes than tensors say',
      undefined,
      { binary_data_size: 8 },
      new Array<number>(9).fill(0),
      '9 bytes follow the JSON, but its tensors say "binary_data_size" of 8',
    ],
    [
      'fewer bytes than the shape takes',
      undefined,
      { binary_data_size: 4 },
      [0, 0, 0, 0],
      'has 4 bytes of binary data, but its shape takes 2 elements of 4 (FP32)',
    ],
  ])('%s', async (_, length, parameters, data, error) => {
    await rig.register('m', constantModel(1));
    const request = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters }] };
    const headers: Record<string, string> =
      length === undefined ? {} : { 'inference-header-content-length': String(length) };
    const { status, body } = await binary('/v2/models/m/infer', request, Uint8Array.from(data), headers);
    expect([status, body.error]).toEqual([400, expect.stringContaining(error)]);
  });

  it.each<[string, 'int8' | 'uint64' | 'string' | 'bool', string, unknown, string]>([
    ['an integer beyond its type', 'int8', 'INT8', 128, 'it is beyond INT8'],
    ['half an integer', 'int8', 'INT8', 0.5, 'INT8 takes whole numbers'],
    ['a negative unsigned', 'uint64', 'UINT64', -1, 'it is beyond UINT64'],
    ['a number for a text', 'string', 'BYTES', 1, 'BYTES takes texts'],
    ['a text with U+0000', 'string', 'BYTES', 'a\0b', 'U+0000'],
    ['a number for a truth', 'bool', 'BOOL', 1, 'BOOL takes true and false'],
  ])('%s', async (_, type, datatype, value, error) => {
    await rig.register('m', identityModel(type, ['N']));
    expect(await call('/v2/models/m/infer', { inputs: [tensor(datatype, [1], [value])] })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(error) },
    });
  });

  it('texts whose bytes end too soon, are too many, or are no UTF-8', async () => {
    await rig.register('m', identityModel('string', ['N']));
    const ask = async (data: readonly number[]) => {
      const parameters = { binary_data_size: data.length };
      const inputs = [{ name: 'x', datatype: 'BYTES', shape: [1], parameters }];
      return (await binary('/v2/models/m/infer', { inputs }, Uint8Array.from(data))).body.error;
    };
    expect(await ask([9, 0, 0, 0, 65])).toContain('ends in the middle of element 0');
    expect(await ask([1, 0])).toContain('ends in the middle of element 0');
    expect(await ask([1, 0, 0, 0, 65, 0, 0, 0, 0])).toContain('holds 2 elements, but its shape takes 1');
    expect(await ask([1, 0, 0, 0, 0xff])).toContain('is no UTF-8');
  });

  it('values that the model itself fails on', async () => {
    await rig.register('m', lookupModel());
    expect(await call('/v2/models/m/infer', { inputs: [tensor('INT64', [1], [9], 'index')] })).toMatchObject({
      status: 422,
      body: { error: expect.stringMatching(/^EP206 The model fails on these inputs: .*out of.*bounds/) },
    });
  });

  it('values that would end the process', async () => {
    await rig.register('m', dividingModel());
    const ask = (a: number, b: number) =>
      call('/v2/models/m/infer', { inputs: [tensor('INT32', [1], [a], 'a'), tensor('INT32', [1], [b], 'b')] });
    expect((await ask(7, -1)).body.outputs[0].data).toEqual([-7]);
    expect(await ask(7, 0)).toMatchObject({
      status: 422,
      body: { error: expect.stringContaining('division by zero') },
    });
    expect(await ask(-2_147_483_648, -1)).toMatchObject({
      status: 422,
      body: { error: expect.stringContaining('the least int32, which the model might divide by -1') },
    });
  });

  it('a model of maps, which no tensor can tell', async () => {
    await rig.register('m', zipMapModel());
    expect(await call('/v2/models/m/infer', { inputs: [tensor('FP32', [1, 2], [0, 1])] })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('without ZipMap') },
    });
  });

  it('a body that is too large', async () => {
    await rig.register('m', constantModel(1));
    const { status, body } = await call('/v2/models/m/infer', Buffer.alloc(33 * 2 ** 20));
    expect([status, body]).toEqual([413, { error: expect.any(String) }]);
  });

  it('a file that does not load', async () => {
    await rig.register('m', lyingModels.width());
    for (const path of ['/v2/models/m', '/v2/models/m/ready'])
      expect(await call(path)).toMatchObject({ status: 422, body: { error: expect.stringContaining('MD204') } });
  });
});

describe('the repository', () => {
  const index = async (body: object = {}) =>
    (await call('/v2/repository/index', body)).body.map(({ name, version, state, reason }: Record<string, string>) =>
      `${name} ${version} ${state} ${reason}`.trim(),
    );
  const ask = (path: string) => call(`/v2/models/${path}/infer`, { inputs: [tensor('FP32', [1, 2], [0, 0])] });

  it('loads and unloads models and versions, and says what answers', async () => {
    for (const bias of [1, 2]) await rig.register('a', constantModel(bias));
    await rig.register('b', lyingModels.width());
    expect(await index()).toEqual([
      'a 2 UNAVAILABLE loaded when it is asked for',
      'b 1 UNAVAILABLE loaded when it is asked for',
    ]);
    expect(await call('/v2/repository/models/a/load', {})).toMatchObject({ status: 200 });
    expect(await call('/v2/repository/models/a/versions/1/load', {})).toMatchObject({ status: 200 });
    expect(await index({ ready: true })).toEqual(['a 1 READY', 'a 2 READY']);
    expect((await ask('a')).body.model_version).toBe('1');
    expect(await call('/v2/repository/models/b/load', {})).toMatchObject({ status: 422 });
    expect((await index())[2]).toMatch(/^b 1 UNAVAILABLE MD204 /);

    expect(await call('/v2/repository/models/a/unload', { parameters: { unload_dependents: true } })).toMatchObject({
      status: 200,
    });
    expect(rig.versions.status().loaded).toEqual([]);
    for (const path of ['a', 'a/versions/2']) {
      expect(await ask(path)).toMatchObject({ status: 400, body: { error: expect.stringContaining('was unloaded') } });
    }
    expect(await call('/v2/models/a/ready')).toMatchObject({ status: 400 });
    expect((await call('/v2/repository/models/a/versions/2/load', {})).status).toBe(200);
    expect((await ask('a/versions/2')).status).toBe(200);
    expect((await ask('a/versions/1')).status).toBe(400);
    await call('/v2/repository/models/a/load', {});
    expect((await ask('a/versions/1')).status).toBe(200);
    expect(await call('/v2/repository/models/nope/load', {})).toMatchObject({ status: 404 });
    expect(await call('/v2/repository/models/a/versions/9/unload', {})).toMatchObject({ status: 404 });
  });

  it('unloads one version, and the model answers no more where that is the one', async () => {
    for (const bias of [1, 2]) await rig.register('a', constantModel(bias));
    rig.move('a', 1, 'production');
    await call('/v2/repository/models/a/versions/1/unload', {});
    expect((await ask('a')).status).toBe(400);
    expect((await ask('a/versions/2')).status).toBe(200);
    await call('/v2/repository/models/a/versions/1/load', {});
    expect((await ask('a')).body.model_version).toBe('1');
  });
});
