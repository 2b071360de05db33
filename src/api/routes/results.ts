/** What the variants of an endpoint measured beside each other. */
import { systemClock } from '../../lib/clock.ts';
import { sinceOf } from '../../lib/since.ts';
import type { ApiContext } from '../context.ts';
import { json, type Route } from '../route.ts';
import { resultsView } from '../views-rollouts.ts';

const TIME = 'A time, or how long ago: `2026-01-31`, `12h`, `7d`.';

export function resultRoutes({ results }: Pick<ApiContext, 'results'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/endpoints/{name}/results',
      operationId: 'getResults',
      summary:
        'Counts and metrics of the variants with intervals, their differences to the baseline, and a test that may be looked at at any time.',
      tag: 'serving',
      query: {
        since: { type: 'string', description: `${TIME} Default: since the open rollout began, else 7d.` },
        until: { type: 'string', description: `${TIME} Default: now.` },
        metric: { type: 'string', description: 'Only this one. Default: all that are known.' },
        baseline: {
          type: 'string',
          description:
            'The variant to compare with. Default: that of the rollout, else the one with the largest share.',
        },
        alpha: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 0.5,
          default: 0.05,
          description: 'How often a test may be wrong.',
        },
        power: {
          type: 'number',
          minimum: 0.5,
          exclusiveMaximum: 1,
          default: 0.8,
          description: 'How often an effect is to be seen.',
        },
        effect: {
          type: 'number',
          exclusiveMinimum: 0,
          description: 'The least difference that is worth seeing. Default: a twentieth of what the baseline has.',
        },
      },
      answers: {
        200: {
          description: 'The results.',
          schema: { type: 'object', required: ['endpoint', 'baseline', 'variants', 'metrics'] },
        },
      },
      handle: async ({ params, query, signal }) => {
        const time = (name: string): Date | undefined =>
          query[name] === undefined ? undefined : sinceOf(query[name] as string, systemClock.now());
        const found = await results.of(
          params['name'] ?? '',
          {
            ...(query['since'] !== undefined && { since: time('since')! }),
            ...(query['until'] !== undefined && { until: time('until')! }),
            metric: query['metric'] as string | undefined,
            baseline: query['baseline'] as string | undefined,
            alpha: query['alpha'] as number,
            power: query['power'] as number,
            effect: query['effect'] as number | undefined,
          },
          signal,
        );
        return json(200, resultsView(found));
      },
    },
  ];
}
