/** Rows pushed into a feature set, many at once. */
import { PUSH_TARGETS, type PushTarget } from '../../features/push.ts';
import type { FlatRow } from '../../features/pushed-rows.ts';
import type { ApiContext } from '../context.ts';
import { json, type Route } from '../route.ts';
import { untypedKey } from '../short-feature-set.ts';

export const PUSH_TO = {
  enum: PUSH_TARGETS,
  description:
    'Served at once, recorded for training (and served with the next materialization), or both. Default both.',
} as const;

export function pushedRowRoutes({ features }: Pick<ApiContext, 'features'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/feature-sets/{name}/rows',
      operationId: 'pushRows',
      summary: 'Push rows into a feature set: all of them or none. Safe to repeat where rows have event times.',
      tag: 'features',
      exactIntegers: true,
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['rows'],
        properties: {
          rows: {
            type: 'array',
            minItems: 1,
            maxItems: 50_000,
            items: { type: 'object', minProperties: 1 },
            description: 'Keys, features and the event time by their columns. Without an event time: now.',
          },
          to: PUSH_TO,
          ignore_extra: {
            type: 'boolean',
            description: 'Leave out columns that the set does not have. Default false.',
          },
        },
      },
      answers: {
        200: {
          description:
            'They are accepted; `applied` of them are served now: the newest of their keys, also where they were pushed before; `quarantined` are kept aside because they break an expectation.',
          schema: {
            type: 'object',
            required: ['feature_set', 'rows', 'applied', 'quarantined', 'to'],
            properties: {
              feature_set: { type: 'string' },
              rows: { type: 'integer' },
              applied: { type: 'integer' },
              quarantined: { type: 'integer' },
              to: { enum: PUSH_TARGETS },
              versions: {
                type: 'array',
                items: { type: 'integer' },
                description: 'Where the set has several: those that took them.',
              },
            },
          },
        },
      },
      handle: async ({ params, body }) => {
        const { rows, to, ignore_extra } = body as {
          rows: readonly FlatRow[];
          to?: PushTarget;
          ignore_extra?: boolean;
        };
        const set = params['name'] ?? '';
        const { applied, quarantined, versions } = await features.pushRows(set, rows.map(untypedKey), {
          to,
          extra: ignore_extra === true ? 'ignore' : 'refuse',
        });
        return json(200, {
          feature_set: set,
          rows: rows.length,
          applied,
          quarantined,
          to: to ?? 'online_and_offline',
          ...(versions !== undefined && { versions }),
        });
      },
    },
  ];
}
