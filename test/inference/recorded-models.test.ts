/**
 * The models of the ONNX project, each registered and asked over HTTP with the inputs that were recorded of it, answer the outputs that were
 * recorded: whole numbers, truths and texts exactly, floats within 1e-3 of the value and 1e-3.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InferenceRig, inferenceRig } from '../support/inference.ts';
import { type RecordedTensor, recordedModels, withRecordedModels } from '../support/onnx-recorded.ts';

const DATATYPES: Readonly<Record<number, string>> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
};

/** What ONNX Runtime answers otherwise, and why that is none of ours. */
const OTHERWISE: readonly [RegExp, string][] = [
  [/^test_bernoulli|^test_training_dropout/, 'draws at random'],
  [/FLOAT_to_STRING/, 'writes floats with another number of digits'],
  [/^test_resize_downsample_scales_(cubic|linear)_align_corners$/, 'samples aligned corners otherwise'],
  [/^test_maxunpool_export_with_output_shape$/, 'reads indices by the shape of the input'],
];
/** Why a model is not served: each is told with MD204. */
const UNSERVED =
  /is no tensor|of type bfloat16|ONNX Runtime does not load the file: (Fatal error: \S+ is not a registered|Could not find an implementation|Exception during initialization)/;

interface Told {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: { readonly binary_data_size: number };
  readonly data?: readonly unknown[];
}

const numbersOf = ({ type, bytes }: RecordedTensor): readonly number[] | undefined => {
  const { buffer } = new Uint8Array(bytes);
  if (type === 1) return Array.from(new Float32Array(buffer));
  return type === 11 ? Array.from(new Float64Array(buffer)) : undefined;
};
const close = (a: number, b: number): boolean =>
  Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 1e-3 + 1e-3 * Math.abs(b);

describe.runIf(withRecordedModels)('models with recorded inputs and outputs', () => {
  let rig: InferenceRig;
  beforeAll(async () => {
    rig = await inferenceRig();
  });
  afterAll(() => rig.close());

  async function infer(model: string, inputs: readonly RecordedTensor[], names: readonly string[], binary: boolean) {
    const request = {
      parameters: { allow_nan: true, binary_data_output: binary },
      inputs: inputs.map(({ type, dims, bytes }, at) => ({
        name: names[at],
        datatype: DATATYPES[type],
        shape: dims,
        parameters: { binary_data_size: bytes.length },
      })),
    };
    const json = Buffer.from(JSON.stringify(request));
    const answer = await fetch(`${rig.url}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { 'inference-header-content-length': String(json.length) },
      body: Buffer.concat([json, ...inputs.map(({ bytes }) => bytes)]) as unknown as string,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const length = Number(answer.headers.get('inference-header-content-length') ?? bytes.length);
    const body = JSON.parse(bytes.toString('utf8', 0, length)) as {
      readonly outputs: readonly Told[];
      readonly error?: string;
    };
    return { body, data: bytes.subarray(length) };
  }

  /** What is wrong; undefined where all is as recorded. */
  async function problem(
    model: string,
    names: readonly string[],
    set: { inputs: readonly RecordedTensor[]; outputs: readonly RecordedTensor[] },
  ) {
    const { body, data } = await infer(model, set.inputs, names, true);
    if (body.error !== undefined) return body.error;
    const inJson = (await infer(model, set.inputs, names, false)).body.outputs;
    let at = 0;
    for (const [position, { name, datatype, shape, parameters }] of body.outputs.entries()) {
      const wanted = set.outputs[position]!;
      const size = parameters!.binary_data_size;
      const bytes = data.subarray(at, at + size);
      at += size;
      if (datatype !== DATATYPES[wanted.type] || shape.join() !== wanted.dims.join())
        return `${name} is ${datatype} [${shape}] and was ${DATATYPES[wanted.type]} [${wanted.dims}]`;
      const [found, recorded] = [numbersOf({ ...wanted, bytes }), numbersOf(wanted)];
      const same =
        found === undefined || recorded === undefined
          ? bytes.equals(wanted.bytes)
          : found.every((value, element) => close(value, recorded[element]!));
      if (!same) return `${name} has other values than recorded`;
      const told = inJson[position]?.data ?? [];
      const asJson = found?.map((value) => (Number.isFinite(value) ? value : null));
      if (asJson !== undefined && JSON.stringify(told) !== JSON.stringify(asJson))
        return `${name} is told otherwise in JSON`;
      if (told.length !== wanted.dims.reduce((product, one) => product * one, 1))
        return `${name} has other elements in JSON`;
    }
    return undefined;
  }

  it('answer as recorded, more than 800 of them, and the others are refused and told why', {
    timeout: 300_000,
  }, async () => {
    let asRecorded = 0;
    const wrong: string[] = [];
    for (const { name, model, sets } of recordedModels()) {
      await rig.register(name, model);
      const metadata = await fetch(`${rig.url}/v2/models/${name}`);
      const told = (await metadata.json()) as {
        readonly inputs: readonly { readonly name: string }[];
        readonly error?: string;
      };
      if (told.error !== undefined) {
        if (!/^MD204 /.test(told.error) || !UNSERVED.test(told.error)) wrong.push(`${name}: ${told.error}`);
        continue;
      }
      if (OTHERWISE.some(([names]) => names.test(name))) continue;
      for (const set of sets) {
        const found = await problem(
          name,
          told.inputs.map((input) => input.name),
          set,
        );
        if (found === undefined) asRecorded += 1;
        else if (!found.includes('No output of the model is a tensor')) wrong.push(`${name}: ${found}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(asRecorded).toBeGreaterThan(800);
  });
});
