/** Endpoints: what they serve now, and predictions. */
import { MlopsError } from '../../lib/error.ts';
import type { PredictAnswer } from '../../serving/predict-answer.ts';
import type { PredictRequest } from '../../serving/predict-request.ts';
import type { ApiContext } from '../context.ts';
import { snakeCaseKeys } from '../json.ts';
import { recorded } from '../resources.ts';
import { json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { resourceView } from '../views.ts';

const tag = 'serving';
const ENDPOINT = { type: 'object', required: ['name', 'spec', 'variants'] } as const;
const ROWS = { type: 'array', items: { type: 'object' }, minItems: 1, maxItems: 10_000 } as const;

const PREDICT_BODY = {
  type: 'object',
  properties: {
    entities: {
      anyOf: [{ type: 'object', minProperties: 1 }, ROWS],
      description: 'One entity or a list: key to value.',
    },
    inputs: {
      anyOf: [{ type: 'object' }, { type: 'array', minItems: 1, maxItems: 10_000 }],
      description: 'Features by name, instead of entities.',
    },
    context: { type: 'object', description: 'What routing may look at.' },
    request_id: { type: 'string', maxLength: 255 },
  },
  anyOf: [{ required: ['entities'] }, { required: ['inputs'] }],
} as const;

const PREDICT_ANSWERS = {
  200: {
    description: 'The answer, who gave it and what the model was given.',
    schema: {
      type: 'object',
      required: ['predictions', 'model', 'variant', 'request_id'],
      properties: {
        predictions: { type: 'array', items: { type: 'object' } },
        model: { type: ['object', 'null'], properties: { name: { type: 'string' }, version: { type: 'integer' } } },
        variant: { type: 'string' },
        request_id: { type: 'string' },
        features: { type: 'array', items: { type: 'object' } },
        members: { type: 'array', items: { type: ['array', 'null'], items: { type: 'object' } } },
      },
    },
  },
} as const;

export function endpointRoutes({
  catalog,
  serving,
  metrics,
}: Pick<ApiContext, 'catalog' | 'serving' | 'metrics'>): readonly Route[] {
  const view = (name: string) => {
    const status = serving.status().endpoints.find(({ endpoint }) => endpoint === name);
    return {
      ...resourceView(recorded('endpoint', name, catalog)),
      variants: snakeCaseKeys(status?.variants ?? []),
      shadows: snakeCaseKeys(status?.shadows ?? []),
    };
  };
  const predict = async (
    endpoint: string,
    body: unknown,
    who: Pick<PredictRequest, 'variant' | 'version'> = {},
  ): Promise<PredictAnswer> => {
    const { request_id: requestId, entities, inputs, context } = body as PredictRequest & { request_id?: string };
    const answer = await serving.predict(endpoint, {
      ...who,
      ...(entities !== undefined && { entities }),
      ...(inputs !== undefined && { inputs }),
      ...(context !== undefined && { context }),
      ...(requestId !== undefined && { requestId }),
    });
    // Of an ensemble no one model answers: model and version are empty.
    for (const { variant, model } of answer.served_by ?? answer.predictions.map(() => answer))
      metrics.predicted({ endpoint, variant, model: model?.name ?? '', version: String(model?.version ?? '') });
    return answer;
  };
  return [
    {
      method: 'GET',
      path: '/api/v1/endpoints',
      operationId: 'listEndpoints',
      summary: 'Endpoints by name, with the version that each variant serves now.',
      tag,
      query: PAGE_QUERY,
      answers: { 200: { description: 'A page of endpoints.', schema: pageSchema(ENDPOINT) } },
      handle: async ({ query }) => {
        const names = catalog
          .list('endpoint')
          .map(({ name }) => name)
          .sort();
        const page = pageOf(names, (name) => name, {
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { ...page, items: page.items.map(view) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/endpoints/{name}',
      operationId: 'getEndpoint',
      summary: 'One endpoint.',
      tag,
      answers: { 200: { description: 'The endpoint.', schema: ENDPOINT } },
      handle: async ({ params }) => json(200, view(params['name'] ?? '')),
    },
    {
      method: 'POST',
      path: '/api/v1/endpoints/{name}/predict',
      operationId: 'predict',
      summary: 'A prediction for each entity, from its features as of now, or for each row of inputs.',
      tag,
      body: PREDICT_BODY,
      lean: {},
      answers: PREDICT_ANSWERS,
      handle: async ({ params, body }) => json(200, await predict(params['name'] ?? '', body)),
    },
    {
      method: 'POST',
      path: '/api/v1/endpoints/{name}/variants/{variant}/predict',
      operationId: 'predictByVariant',
      summary: 'The same by one variant, whatever rules and split say; none answers instead where it cannot.',
      tag,
      body: PREDICT_BODY,
      answers: PREDICT_ANSWERS,
      handle: async ({ params, body }) =>
        json(200, await predict(params['name'] ?? '', body, { variant: params['variant'] ?? '' })),
    },
    {
      method: 'POST',
      path: '/api/v1/endpoints/{name}/versions/{version}/predict',
      operationId: 'predictByVersion',
      summary:
        'The same by one version of a model that the endpoint names, in whatever stage; loaded where it is not in memory.',
      tag,
      query: { model: { type: 'string', description: 'The model, where the endpoint names several.' } },
      body: PREDICT_BODY,
      answers: PREDICT_ANSWERS,
      handle: async ({ params, query, body }) => {
        const version = Number(params['version']);
        if (!Number.isSafeInteger(version) || version < 1)
          throw new MlopsError('API400', { detail: `"${params['version']}" is no version of a model.`, status: 400 });
        return json(
          200,
          await predict(params['name'] ?? '', body, {
            version: { model: query['model'] as string | undefined, version },
          }),
        );
      },
    },
  ];
}
