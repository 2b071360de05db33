/** Pools that tasks share. */
import type { ApiContext } from '../context.ts';
import { json, type Route } from '../route.ts';

const tag = 'runs';

export function poolRoutes({ orchestrator }: Pick<ApiContext, 'orchestrator'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/pools',
      operationId: 'listPools',
      summary: 'Pools, and what is used of them.',
      tag,
      answers: {
        200: {
          description: 'Slots; `slots` is null where tasks ask for a pool that the environment does not have.',
          schema: {
            type: 'object',
            properties: {
              items: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    name: { type: 'string' },
                    slots: { type: ['integer', 'null'] },
                    used: { type: 'integer' },
                    waiting: { type: 'integer' },
                  },
                },
              },
            },
          },
        },
      },
      handle: async () => json(200, { items: await orchestrator.pools() }),
    },
  ];
}
