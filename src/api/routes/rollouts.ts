/** Rollouts: how they stand, every decision about them, and what people tell them to do. */
import type { RolloutCommand } from '../../serving/rollouts/rollout-state.ts';
import { ROLLOUT_STATUSES, type RolloutStatus } from '../../stores/control/rollouts.ts';
import type { ApiContext } from '../context.ts';
import { json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';
import { rolloutDetailsView, rolloutView } from '../views-rollouts.ts';

const tag = 'serving';
const ROLLOUT = { type: 'object', required: ['id', 'endpoint', 'version', 'status', 'step', 'share'] } as const;
const REASON = {
  type: 'object',
  properties: { reason: { type: 'string', maxLength: 2_000, description: 'Why; it is kept with the decision.' } },
} as const;

const COMMANDS: readonly (readonly [RolloutCommand, string])[] = [
  ['pause', 'Pause the rollout at its share.'],
  ['resume', 'Go on with a paused rollout; the time that it was paused does not count.'],
  ['abort', 'End the rollout: the candidate gets no key any more.'],
  ['promote', "Promote the version now, past the steps that are left, through the model's gates."],
];

export function rolloutRoutes({ rollouts }: Pick<ApiContext, 'rollouts'>): readonly Route[] {
  const reasonIn = (body: unknown): string | null => (body as { reason?: string } | undefined)?.reason ?? null;
  return [
    {
      method: 'GET',
      path: '/api/v1/rollouts',
      operationId: 'listRollouts',
      summary: 'Rollouts, newest first.',
      tag,
      query: {
        ...PAGE_QUERY,
        endpoint: { type: 'string' },
        status: { type: 'string', enum: [...ROLLOUT_STATUSES] },
      },
      answers: { 200: { description: 'A page of rollouts.', schema: pageSchema(ROLLOUT) } },
      handle: async ({ query }) => {
        const { items, nextCursor } = await rollouts.list({
          endpoint: query['endpoint'] as string | undefined,
          status: query['status'] as RolloutStatus | undefined,
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { items: items.map(rolloutView), next_cursor: nextCursor });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/rollouts/{id}',
      operationId: 'getRollout',
      summary:
        'One rollout with its decisions and their numbers, by its id, or the newest one of an endpoint by its name.',
      tag,
      answers: { 200: { description: 'The rollout.', schema: ROLLOUT } },
      handle: async ({ params }) => json(200, rolloutDetailsView(await rollouts.show(params['id'] ?? ''))),
    },
    ...COMMANDS.map(
      ([command, summary]): Route => ({
        method: 'POST',
        path: `/api/v1/endpoints/{name}/rollout/${command}`,
        operationId: `${command}Rollout`,
        summary,
        tag,
        body: REASON,
        answers: { 200: { description: 'The rollout as it stands then.', schema: ROLLOUT } },
        handle: async ({ params, body, caller }) => {
          const by = { who: caller.who, reason: reasonIn(body) };
          return json(200, rolloutView(await rollouts.command(params['name'] ?? '', command, by)));
        },
      }),
    ),
    {
      method: 'POST',
      path: '/api/v1/endpoints/{name}/rollout/retry',
      operationId: 'retryRollout',
      summary: 'Begin anew with the version that the candidate follows.',
      tag,
      body: REASON,
      answers: { 201: { description: 'The rollout that begins.', schema: ROLLOUT } },
      handle: async ({ params, body, caller }) => {
        const by = { who: caller.who, reason: reasonIn(body) };
        return json(201, rolloutView(await rollouts.retry(params['name'] ?? '', by)));
      },
    },
  ];
}
