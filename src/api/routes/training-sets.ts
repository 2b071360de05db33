/** Training sets as they were recorded, and whether they can still be made as they were. */
import type { ApiContext } from '../context.ts';
import { json, PAGE_QUERY, type Route } from '../route.ts';
import { snakeCaseKeys, trainingSetView } from '../views.ts';

const SET = { type: 'object', required: ['digest', 'artifact', 'rows'] } as const;

export function trainingSetRoutes({ features }: Pick<ApiContext, 'features'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/training-sets',
      operationId: 'listTrainingSets',
      summary: 'Recorded training sets, the newest first.',
      tag: 'features',
      query: { limit: PAGE_QUERY.limit },
      answers: {
        200: {
          description: 'The newest ones.',
          schema: { type: 'object', required: ['items'], properties: { items: { type: 'array', items: SET } } },
        },
      },
      handle: async ({ query }) =>
        json(200, { items: (await features.trainingSets(query['limit'] as number)).map(trainingSetView) }),
    },
    {
      method: 'POST',
      path: '/api/v1/training-sets/{digest}/rebuild',
      operationId: 'rebuildTrainingSet',
      summary:
        'Make a recorded training set again and compare it byte for byte; `restore` puts it back where the artifact store lost it.',
      tag: 'features',
      body: {
        type: 'object',
        additionalProperties: false,
        properties: { restore: { type: 'boolean', description: 'Default false.' } },
      },
      answers: {
        200: {
          description: '`equal` says whether it is what it was.',
          schema: { type: 'object', required: ['digest', 'equal', 'rebuilt', 'stored'] },
        },
      },
      handle: async ({ params, body, signal }) => {
        const { restore = false } = (body ?? {}) as { restore?: boolean };
        const made = await features.rebuildTrainingSet(params['digest'] ?? '', { restore }, { signal, log: () => {} });
        return json(200, snakeCaseKeys(made));
      },
    },
  ];
}
