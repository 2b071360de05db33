/** Pipelines: what is applied, and new ones made through the HTTP interface. */
import type { ApiContext } from '../context.ts';
import { recorded, recordResource } from '../resources.ts';
import { json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { RESOURCE } from '../shapes.ts';
import { pipelineStatusView, resourceView } from '../views.ts';

const tag = 'pipelines';

export function pipelineRoutes({
  catalog,
  state,
  orchestrator,
}: Pick<ApiContext, 'catalog' | 'state' | 'orchestrator'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/pipelines',
      operationId: 'putPipeline',
      summary: 'Make a pipeline, or change one that was made here. Pipelines of the specs are changed there.',
      tag,
      specBody: 'pipeline',
      answers: {
        200: { description: 'It was there and is changed.', schema: RESOURCE },
        201: { description: 'It is made.', schema: RESOURCE },
      },
      handle: async ({ body, caller }) => {
        const { resource, created } = await recordResource('pipeline', body, {
          catalog,
          state,
          who: caller.who,
          outputs: async () => ({}),
        });
        return json(created ? 201 : 200, { pipeline_id: resource.name, ...resourceView(resource) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/pipelines',
      operationId: 'listPipelines',
      summary: 'Pipelines by name.',
      tag,
      query: PAGE_QUERY,
      answers: { 200: { description: 'A page of pipelines.', schema: pageSchema(RESOURCE) } },
      handle: async ({ query }) => {
        const all = [...catalog.list('pipeline')].sort((a, b) => (a.name < b.name ? -1 : 1));
        const page = pageOf(all, ({ name }) => name, {
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { ...page, items: page.items.map(resourceView) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/pipelines/{name}',
      operationId: 'getPipeline',
      summary: 'One pipeline.',
      tag,
      answers: { 200: { description: 'The pipeline.', schema: RESOURCE } },
      handle: async ({ params }) => json(200, resourceView(recorded('pipeline', params['name'] ?? '', catalog))),
    },
    {
      method: 'GET',
      path: '/api/v1/pipelines/{name}/status',
      operationId: 'getPipelineStatus',
      summary: 'What starts a pipeline, and the events that came last.',
      tag,
      answers: { 200: { description: 'The pipeline as it stands.', schema: { type: 'object' } } },
      handle: async ({ params }) => json(200, pipelineStatusView(await orchestrator.status(params['name'] ?? ''))),
    },
    {
      method: 'POST',
      path: '/api/v1/pipelines/{name}/breaker/reset',
      operationId: 'resetBreaker',
      summary: "Close a pipeline's breaker and begin to count anew.",
      tag,
      answers: { 200: { description: 'The pipeline as it stands.', schema: { type: 'object' } } },
      handle: async ({ params, caller }) =>
        json(200, pipelineStatusView(await orchestrator.resetBreaker(params['name'] ?? '', caller.who))),
    },
  ];
}
