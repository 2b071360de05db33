/** The Open Inference Protocol, version 2, over REST: see docs/serving.md. */
import type { ModelRepository, RepositoryEntry } from '../../serving/runtime/model-repository.ts';
import type { TensorType } from '../../serving/runtime/tensors.ts';
import type { TensorSpec } from '../../stores/control/registry.ts';
import type { ApiContext } from '../context.ts';
import { datatypeOf } from '../inference/datatypes.ts';
import { createInfer, versionNumber } from '../inference/infer.ts';
import { inferenceRefusal } from '../inference/refusal.ts';
import { BODY_LIMIT_BYTES, type Call, json, type Route } from '../route.ts';

const tag = 'inference';
const TENSOR = {
  type: 'object',
  required: ['name', 'shape', 'datatype'],
  properties: {
    name: { type: 'string' },
    shape: { type: 'array', items: { type: 'integer', minimum: 0 } },
    datatype: { type: 'string', description: 'BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES.' },
    parameters: {
      type: 'object',
      description:
        '`binary_data_size`: its values follow the JSON in so many bytes. `allow_nan`: NaN and infinities too.',
    },
    data: { type: 'array', description: 'Row by row, flat or nested as the shape says.' },
  },
} as const;
const REQUEST = {
  type: 'object',
  required: ['inputs'],
  properties: {
    id: { type: 'string', description: 'Echoed.' },
    parameters: {
      type: 'object',
      description:
        '`binary_data_output`: outputs as binary data, unless they say otherwise. `allow_nan`: of all inputs.',
    },
    inputs: { type: 'array', items: TENSOR },
    outputs: {
      type: 'array',
      description: 'Default: all that are tensors.',
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string' },
          parameters: { type: 'object', description: '`binary_data`: as binary data.' },
        },
      },
    },
  },
} as const;
const ANSWER = {
  type: 'object',
  required: ['model_name', 'model_version', 'outputs'],
  properties: {
    model_name: { type: 'string' },
    model_version: { type: 'string' },
    id: { type: 'string' },
    outputs: { type: 'array', items: TENSOR },
  },
} as const;
const METADATA_TENSOR = {
  type: 'object',
  required: ['name', 'datatype', 'shape'],
  properties: {
    name: { type: 'string' },
    datatype: { type: 'string' },
    shape: { type: 'array', items: { type: 'integer' }, description: '-1: any size.' },
  },
} as const;
const METADATA = {
  type: 'object',
  required: ['name', 'versions', 'platform', 'inputs', 'outputs'],
  properties: {
    name: { type: 'string' },
    versions: { type: 'array', items: { type: 'string' } },
    platform: { type: 'string' },
    inputs: { type: 'array', items: METADATA_TENSOR },
    outputs: { type: 'array', items: METADATA_TENSOR },
  },
} as const;
const READY = {
  type: 'object',
  required: ['name', 'ready'],
  properties: { name: { type: 'string' }, ready: { type: 'boolean' } },
} as const;

const EXTENSIONS = ['binary_tensor_data', 'model_repository', 'parameters'];
/** As Triton calls it. */
const PLATFORM = 'onnx_onnxv1';

export function inferenceRoutes({
  repository,
  readiness,
  version: serverVersion,
}: Pick<ApiContext, 'repository' | 'readiness' | 'version'>): readonly Route[] {
  const infer = createInfer(repository, BODY_LIMIT_BYTES);
  const asked = ({ params }: Call): { readonly model: string; readonly version: number | undefined } => {
    const { model = '', version } = params;
    return { model, version: version === undefined ? undefined : versionNumber(model, version) };
  };

  /** The same of a model and of one of its versions. */
  const both = (
    make: (of: {
      readonly path: (rest: string) => string;
      readonly id: (name: string) => string;
      readonly what: string;
    }) => readonly Route[],
  ): readonly Route[] => [
    ...make({ path: (rest) => `/v2/models/{model}${rest}`, id: (name) => name, what: 'a model' }),
    ...make({
      path: (rest) => `/v2/models/{model}/versions/{version}${rest}`,
      id: (name) => `${name}Version`,
      what: 'a version of a model',
    }),
  ];

  const shared = { tag, refuse: inferenceRefusal } as const;
  return [
    {
      ...shared,
      method: 'GET',
      path: '/v2',
      operationId: 'inferenceServer',
      summary: 'Name, version and extensions of the server.',
      answers: { 200: { description: 'They.' } },
      handle: async () => json(200, { name: 'mlops', version: serverVersion, extensions: EXTENSIONS }),
    },
    {
      ...shared,
      method: 'GET',
      path: '/v2/health/live',
      operationId: 'inferenceLive',
      summary: 'Whether the process lives.',
      open: true,
      answers: { 200: { description: 'It does.' } },
      handle: async () => json(200, { live: true }),
    },
    {
      ...shared,
      method: 'GET',
      path: '/v2/health/ready',
      operationId: 'inferenceReady',
      summary: 'Whether requests can be answered now.',
      open: true,
      answers: { 200: { description: 'They can.' }, 503: { description: 'They cannot.' } },
      handle: async () => {
        const ready = Object.values(await readiness()).every((problem) => problem === null);
        return json(ready ? 200 : 503, { ready });
      },
    },
    ...both(({ path, id, what }) => [
      {
        ...shared,
        method: 'GET',
        path: path(''),
        operationId: id('inferenceMetadata'),
        summary: `Inputs and outputs of ${what}. Loads it.`,
        answers: { 200: { description: 'Its tensors.', schema: METADATA } },
        handle: async (call) => {
          const { model, version } = asked(call);
          const { session, version: found } = await repository.find(model, version);
          return json(200, {
            name: found.name,
            versions: version === undefined ? (await repository.versions(model)).map(String) : [String(found.version)],
            platform: PLATFORM,
            inputs: session.inputs.map(tensorView),
            outputs: session.outputs.map(tensorView),
          });
        },
      },
      {
        ...shared,
        method: 'GET',
        path: path('/ready'),
        operationId: id('inferenceModelReady'),
        summary: `Whether ${what} can be asked. Loads it, so that the request after this one need not wait.`,
        answers: { 200: { description: 'It can.', schema: READY } },
        handle: async (call) => {
          const { model, version } = asked(call);
          const { version: found } = await repository.find(model, version);
          return json(200, { name: found.name, ready: true });
        },
      },
      {
        ...shared,
        method: 'POST',
        path: path('/infer'),
        operationId: id('infer'),
        summary: `What ${what} answers to tensors.`,
        body: REQUEST,
        takesBytes: true,
        ownIdempotency: true,
        lean: {},
        answers: { 200: { description: 'Its outputs.', schema: ANSWER } },
        handle: ({ params, bytes, header }) =>
          infer({ model: params['model'] ?? '', version: params['version'], bytes, header }),
      },
    ]),
    ...repositoryRoutes(repository),
  ];
}

function repositoryRoutes(repository: ModelRepository): readonly Route[] {
  const shared = { tag, refuse: inferenceRefusal, method: 'POST', ownIdempotency: true } as const;
  const change = (what: 'load' | 'unload', of: 'model' | 'version'): Route => ({
    ...shared,
    path: `/v2/repository/models/{model}${of === 'version' ? '/versions/{version}' : ''}/${what}`,
    operationId: `inference${what === 'load' ? 'Load' : 'Unload'}${of === 'version' ? 'Version' : ''}`,
    summary:
      what === 'load'
        ? `Loads a ${of} now, and answers for it again where it was unloaded.`
        : `Answers no more for a ${of} until it is loaded again. Endpoints go on.`,
    body: { type: 'object', properties: { parameters: { type: 'object', description: 'None is heeded.' } } },
    answers: { 200: { description: 'Done.' } },
    handle: async ({ params }) => {
      const { model = '', version } = params;
      await repository[what](model, version === undefined ? undefined : versionNumber(model, version));
      return json(200, {});
    },
  });
  return [
    {
      ...shared,
      path: '/v2/repository/index',
      operationId: 'inferenceIndex',
      summary: 'Versions in memory, and of each model the one that would answer.',
      body: {
        type: 'object',
        properties: { ready: { type: 'boolean', default: false, description: 'Only those that are ready.' } },
      },
      answers: { 200: { description: 'They, by model and version.' } },
      handle: async ({ body }) => {
        const onlyReady = (body as { ready?: boolean }).ready === true;
        const entries = await repository.index();
        return json(200, entries.filter(({ ready }) => ready || !onlyReady).map(entryView));
      },
    },
    change('load', 'model'),
    change('unload', 'model'),
    change('load', 'version'),
    change('unload', 'version'),
  ];
}

const tensorView = ({ name, dtype, shape }: TensorSpec) => ({
  name,
  datatype: datatypeOf(dtype as TensorType),
  shape,
});

const entryView = ({ model, version, ready, reason }: RepositoryEntry) => ({
  name: model,
  version: String(version),
  state: ready ? 'READY' : 'UNAVAILABLE',
  reason,
});
