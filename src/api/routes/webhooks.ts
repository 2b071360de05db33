/** Webhooks: requests of other systems that start runs. They carry a token or a signature of their own instead of an API key. */
import type { Readable } from 'node:stream';
import { MlopsError } from '../../lib/error.ts';
import type { ApiContext } from '../context.ts';
import { json, type Route } from '../route.ts';

const BODY_LIMIT_BYTES = 2 ** 20;

export function webhookRoutes({ orchestrator }: Pick<ApiContext, 'orchestrator'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/webhooks/{pipeline}/{webhook}',
      operationId: 'callWebhook',
      summary:
        'Start a run as a webhook of the pipeline says. The token or the signature that it declares takes the place of an API key.',
      tag: 'pipelines',
      open: true,
      takesStream: true,
      ownIdempotency: true,
      answers: {
        200: { description: 'This delivery came before: the run that it started.', schema: { type: 'object' } },
        202: {
          description: 'The run is queued.',
          schema: {
            type: 'object',
            required: ['run_id', 'outcome'],
            properties: {
              run_id: { type: ['string', 'null'] },
              outcome: { enum: ['run', 'skipped', 'refused'] },
              why: { type: ['string', 'null'] },
            },
          },
        },
      },
      handle: async ({ params, header, stream }) => {
        const { created, runId, outcome, why } = await orchestrator.webhook({
          pipeline: params['pipeline'] ?? '',
          webhook: params['webhook'] ?? '',
          body: await bytesOf(stream),
          header,
        });
        return json(created ? 202 : 200, { run_id: runId, outcome, why });
      },
    },
  ];
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT_BYTES)
      throw new MlopsError('PL244', { detail: 'The body of a webhook has at most 1 MiB.', status: 413 });
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
