/** Backfills: a pipeline over the instants of its schedule in a range. */

import { MlopsError } from '../../lib/error.ts';
import { parseInstant, parseLastInstant } from '../../lib/instant.ts';
import type { JsonObject } from '../../lib/json.ts';
import { REPROCESS, type Reprocess } from '../../stores/control/backfills.ts';
import type { ApiContext } from '../context.ts';
import { json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';
import { BACKFILL, BACKFILL_SUMMARY } from '../shapes.ts';
import { backfillPreviewView, backfillRecordView, backfillView } from '../views.ts';

const tag = 'runs';

interface Asked {
  readonly pipeline: string;
  readonly from: string;
  readonly to: string;
  readonly params?: JsonObject;
  readonly concurrency?: number;
  readonly backwards?: boolean;
  readonly reprocess?: Reprocess;
  readonly dry_run?: boolean;
}

export function backfillRoutes({ orchestrator }: Pick<ApiContext, 'orchestrator'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/backfills',
      operationId: 'startBackfill',
      summary: 'Run a pipeline for the instants of its schedule in a range, or tell which those are.',
      tag,
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['pipeline', 'from', 'to'],
        properties: {
          pipeline: { type: 'string', description: 'Name of the pipeline.' },
          from: { type: 'string', description: 'The first instant that counts. A date alone is its first moment.' },
          to: { type: 'string', description: 'The last instant that counts. A date alone is its last moment.' },
          params: {
            type: 'object',
            description: "Over the pipeline's defaults.",
            additionalProperties: { type: ['string', 'number', 'boolean'] },
          },
          concurrency: { type: 'integer', minimum: 1, maximum: 1000, description: 'Runs at once. Default 1.' },
          backwards: { type: 'boolean', description: 'The newest instant first. Default false.' },
          reprocess: {
            enum: REPROCESS,
            description:
              'Instants that have a run: none again (default), those whose last run did not succeed, or all.',
          },
          dry_run: { type: 'boolean', description: 'Start nothing: which instants would be run, and why not.' },
        },
      },
      answers: {
        200: { description: 'What it would do: a dry run.', schema: { type: 'object' } },
        202: { description: 'The scheduler starts its runs.', schema: BACKFILL },
      },
      handle: async ({ body, caller, header }) => {
        const asked = body as Asked;
        const key = header('idempotency-key');
        const request = {
          pipeline: asked.pipeline.replace(/^pipeline\./, ''),
          from: timeOf('from', asked.from),
          to: timeOf('to', asked.to),
          params: asked.params ?? {},
          concurrency: asked.concurrency,
          backwards: asked.backwards,
          reprocess: asked.reprocess,
          who: caller.who,
          ...(key !== undefined && { idempotencyKey: `${caller.who}:${key}` }),
        };
        if (asked.dry_run === true)
          return json(200, backfillPreviewView(await orchestrator.backfills.preview(request)));
        const made = await orchestrator.backfills.start(request);
        return json(202, backfillRecordView(made), { location: `/api/v1/backfills/${made.backfillId}` });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/backfills',
      operationId: 'listBackfills',
      summary: 'Backfills, newest first.',
      tag,
      query: { ...PAGE_QUERY, pipeline: { type: 'string' } },
      answers: { 200: { description: 'A page of backfills.', schema: pageSchema(BACKFILL_SUMMARY) } },
      handle: async ({ query }) => {
        const page = await orchestrator.backfills.list({
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
          pipeline: query['pipeline'] as string | undefined,
        });
        return json(200, { items: page.items.map(backfillView), next_cursor: page.nextCursor });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/backfills/{id}',
      operationId: 'getBackfill',
      summary: 'A backfill with what became of each instant.',
      tag,
      answers: { 200: { description: 'The backfill.', schema: BACKFILL } },
      handle: async ({ params }) => json(200, backfillRecordView(await orchestrator.backfills.get(params['id'] ?? ''))),
    },
    {
      method: 'POST',
      path: '/api/v1/backfills/{id}/cancel',
      operationId: 'cancelBackfill',
      summary: 'Cancel a backfill: no run of it starts any more, those under way are cancelled.',
      tag,
      answers: { 202: { description: 'The backfill as it is now.', schema: BACKFILL } },
      handle: async ({ params, caller }) =>
        json(202, backfillRecordView(await orchestrator.backfills.cancel(params['id'] ?? '', caller.who))),
    },
  ];
}

function timeOf(field: 'from' | 'to', text: string): Date {
  const at = field === 'to' ? parseLastInstant(text) : parseInstant(text);
  if (at !== undefined) return at;
  throw new MlopsError('API400', {
    detail: `${field} is no time: ${JSON.stringify(text)}.`,
    hint: 'ISO 8601, e.g. 2026-01-31 or 2026-01-31T02:00:00Z',
  });
}
