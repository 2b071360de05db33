/** What endpoints answered, what it turned out to be, and the figures of both. */

import { systemClock } from '../../lib/clock.ts';
import { MlopsError } from '../../lib/error.ts';
import { parseInstant } from '../../lib/instant.ts';
import { sinceOf } from '../../lib/since.ts';
import type { RecordedFeedback } from '../../stores/control/feedback.ts';
import type { VariantFigures } from '../../stores/control/variant-figures.ts';
import type { ApiContext } from '../context.ts';
import { snakeCaseKeys } from '../json.ts';
import { recorded } from '../resources.ts';
import { json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';

const tag = 'serving';
const OUTCOME = {
  type: 'object',
  required: ['request_id', 'outcome'],
  additionalProperties: false,
  properties: {
    request_id: { type: 'string', maxLength: 255 },
    row: { type: 'integer', minimum: 0, description: 'Position of the row within its request. Default 0.' },
    outcome: { description: 'What it turned out to be, of the type that the endpoint says.' },
    at: { type: 'string', description: 'When, as ISO 8601.' },
  },
} as const;

interface Told {
  readonly request_id: string;
  readonly row?: number;
  readonly outcome: unknown;
  readonly at?: string;
}

export function predictionRoutes({
  catalog,
  predictions,
  feedback,
  feedbackStore,
  variantFigures,
}: Pick<ApiContext, 'catalog' | 'predictions' | 'feedback' | 'feedbackStore' | 'variantFigures'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/endpoints/{name}/predictions',
      operationId: 'listPredictions',
      summary: 'What an endpoint answered, newest first, with what it turned out to be where that was told.',
      tag,
      query: {
        ...PAGE_QUERY,
        request_id: { type: 'string' },
        outcome_as_of: {
          type: 'string',
          description: 'Outcomes as they were told by then, ISO 8601. Default: by now.',
        },
      },
      answers: { 200: { description: 'A page of predictions.', schema: pageSchema({ type: 'object' }) } },
      handle: async ({ params, query }) => {
        const { name, spec } = recorded('endpoint', params['name'] ?? '', catalog);
        const asOf = query['outcome_as_of'] === undefined ? null : timeOf(query['outcome_as_of'] as string);
        const page = await predictions.list({
          endpoint: name,
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
          ...(query['request_id'] !== undefined && { requestId: query['request_id'] as string }),
        });
        const told = spec.feedback === undefined ? [] : await feedbackStore.last(name, page.items, asOf);
        const outcomes = new Map(told.map((one) => [`${one.ordinal} ${one.requestId}`, one]));
        return json(200, {
          items: page.items.map(({ requestId, latencyMs, ...prediction }) => ({
            ...prediction,
            request_id: requestId,
            latency_ms: latencyMs,
            ...outcomeView(outcomes.get(`${prediction.ordinal} ${requestId}`)),
          })),
          next_cursor: page.nextCursor,
        });
      },
    },
    {
      method: 'POST',
      path: '/api/v1/endpoints/{name}/feedback',
      operationId: 'tellFeedback',
      summary:
        'What predictions turned out to be: one, or up to 10,000. Told again it changes nothing; told otherwise it corrects.',
      tag,
      body: {
        anyOf: [
          OUTCOME,
          {
            type: 'object',
            required: ['outcomes'],
            additionalProperties: false,
            properties: {
              outcomes: { type: 'array', minItems: 1, maxItems: 10_000, items: OUTCOME },
              unknown: {
                enum: ['refuse', 'skip'],
                description: 'Where a prediction is not known: refuse all (default), or leave the row out.',
              },
            },
          },
        ],
      },
      answers: {
        200: {
          description:
            'How many are new, correct what was told before, or were told just so; and how many were left out.',
          schema: {
            type: 'object',
            required: ['added', 'corrected', 'unchanged', 'unknown'],
            properties: {
              added: { type: 'integer' },
              corrected: { type: 'integer' },
              unchanged: { type: 'integer' },
              unknown: { type: 'integer' },
            },
          },
        },
      },
      handle: async ({ params, body, caller }) => {
        const told = body as Told | { readonly outcomes: readonly Told[]; readonly unknown?: 'refuse' | 'skip' };
        const [outcomes, unknown] = 'outcomes' in told ? [told.outcomes, told.unknown] : [[told], undefined];
        return json(
          200,
          await feedback.tell(
            params['name'] ?? '',
            outcomes.map(({ request_id: requestId, ...one }) => ({ ...one, requestId })),
            { who: caller.who, unknown },
          ),
        );
      },
    },
    {
      method: 'GET',
      path: '/api/v1/endpoints/{name}/feedback',
      operationId: 'listFeedback',
      summary: 'All that was told of a request, corrections included, the first first.',
      tag,
      query: { request_id: { type: 'string' } },
      answers: { 200: { description: 'What was told.', schema: { type: 'object' } } },
      handle: async ({ params, query }) => {
        if (query['request_id'] === undefined)
          throw new MlopsError('API422', { detail: 'Name the request: ?request_id=ID.', status: 422 });
        const told = await feedback.history(params['name'] ?? '', query['request_id'] as string);
        return json(200, {
          items: told.map(({ requestId, ordinal, outcome, at, recordedAt, recordedBy }) => ({
            request_id: requestId,
            row: ordinal,
            outcome,
            at,
            recorded_at: recordedAt,
            recorded_by: recordedBy,
          })),
        });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/endpoints/{name}/figures',
      operationId: 'endpointFigures',
      summary:
        'Requests, failures, latencies, scores, losses and drift of each variant, and of each shadow, over a time.',
      tag,
      query: {
        since: { type: 'string', description: 'A time, or how long ago: `24h` (default).', default: '24h' },
        until: { type: 'string', description: 'A time. Default: now.' },
      },
      answers: {
        200: { description: 'One an answering or shadowing variant and version.', schema: { type: 'object' } },
      },
      handle: async ({ params, query, signal }) => {
        const { name } = recorded('endpoint', params['name'] ?? '', catalog);
        const until = query['until'] === undefined ? systemClock.now() : timeOf(query['until'] as string);
        const since = sinceOf(query['since'] as string, until);
        const figures = await variantFigures.figures({ endpoint: name, since, until }, signal);
        return json(200, { endpoint: name, since, until, variants: figures.map(figuresView) });
      },
    },
  ];
}

/** The names of features and outputs are the user's. */
function figuresView({ drift, ...figures }: VariantFigures) {
  return { ...(snakeCaseKeys(figures) as Readonly<Record<string, unknown>>), drift };
}

function outcomeView(told: RecordedFeedback | undefined) {
  if (told === undefined) return {};
  return { outcome: told.outcome, outcome_at: told.at, outcome_recorded_at: told.recordedAt };
}

function timeOf(text: string): Date {
  const at = parseInstant(text);
  if (at === undefined) throw new MlopsError('API422', { detail: `"${text}" is no time of ISO 8601.`, status: 422 });
  return at;
}
