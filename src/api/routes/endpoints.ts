/** Endpoints: what they serve now, and predictions. */
import type { ApiContext } from '../context.ts';
import { snakeCaseKeys } from '../json.ts';
import { recorded } from '../resources.ts';
import { json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { resourceView } from '../views.ts';

const tag = 'serving';
const ENDPOINT = { type: 'object', required: ['name', 'spec', 'variants'] } as const;
const ROWS = { type: 'array', items: { type: 'object' }, minItems: 1, maxItems: 10_000 } as const;

export function endpointRoutes({
  catalog,
  serving,
  metrics,
}: Pick<ApiContext, 'catalog' | 'serving' | 'metrics'>): readonly Route[] {
  const view = (name: string) => ({
    ...resourceView(recorded('endpoint', name, catalog)),
    variants: snakeCaseKeys(serving.status().endpoints.find(({ endpoint }) => endpoint === name)?.variants ?? []),
  });
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
      body: {
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
      },
      lean: {},
      answers: {
        200: {
          description: 'The answer, who gave it and what the model was given.',
          schema: {
            type: 'object',
            required: ['predictions', 'model', 'variant', 'request_id'],
            properties: {
              predictions: { type: 'array', items: { type: 'object' } },
              model: { type: 'object', properties: { name: { type: 'string' }, version: { type: 'integer' } } },
              variant: { type: 'string' },
              request_id: { type: 'string' },
              features: { type: 'array', items: { type: 'object' } },
            },
          },
        },
      },
      handle: async ({ params, body }) => {
        const endpoint = params['name'] ?? '';
        const { request_id: requestId, ...asked } = body as { request_id?: string };
        const answer = await serving.predict(endpoint, { ...asked, ...(requestId !== undefined && { requestId }) });
        for (const { variant, model } of answer.served_by ?? answer.predictions.map(() => answer)) {
          metrics.predicted({
            endpoint,
            variant,
            model: model.name,
            version: String(model.version),
          });
        }
        return json(200, answer);
      },
    },
  ];
}
