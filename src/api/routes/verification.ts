/** Whether what was served is what the offline store answers. */
import { SERVED } from '../../features/verify/served.ts';
import type { VerifyRequest } from '../../features/verify/verify.ts';
import { MlopsError } from '../../lib/error.ts';
import { parseInstant } from '../../lib/instant.ts';
import type { ApiContext } from '../context.ts';
import { json, type Route } from '../route.ts';

export function verificationRoutes({ verify }: Pick<ApiContext, 'verify'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/features/verify',
      operationId: 'verifyFeatures',
      summary:
        'Replay logged predictions and kept answers against the offline store: every value that differs, with its cause.',
      tag: 'features',
      body: {
        type: 'object',
        additionalProperties: false,
        properties: {
          of: { enum: SERVED, description: 'Only these. Default: both.' },
          endpoint: { type: 'string', description: 'Only predictions of this endpoint.' },
          since: { type: 'string', description: 'Only from then on, ISO 8601.' },
          sample: { type: 'number', exclusiveMinimum: 0, maximum: 1, description: 'The share to look at. Default 1.' },
        },
      },
      answers: {
        200: {
          description: 'Counts, and each cause with an example.',
          schema: {
            type: 'object',
            required: ['predictions', 'answers', 'values', 'equal', 'causes', 'unexplained'],
            properties: { causes: { type: 'array', items: { type: 'object' } }, unexplained: { type: 'integer' } },
          },
        },
      },
      handle: async ({ body, signal }) => {
        const { of, endpoint, since, sample } = (body ?? {}) as Omit<VerifyRequest, 'since'> & { since?: string };
        const from = since === undefined ? undefined : parseInstant(since);
        if (since !== undefined && from === undefined)
          throw new MlopsError('API422', { detail: `"${since}" is no time in ISO 8601.` });
        return json(200, await verify({ of, endpoint, since: from, sample }, { signal, log: () => {} }));
      },
    },
  ];
}
