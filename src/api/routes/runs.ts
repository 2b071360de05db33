/** Runs: started, watched, cancelled, tried again. */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import { parseTraceParent } from '../../lib/trace-context.ts';
import { RUN_STATUSES, type RunStatus } from '../../stores/control/run-states.ts';
import type { RunEvent } from '../../stores/control/runs.ts';
import type { ApiContext } from '../context.ts';
import { json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';
import { runOf } from '../run-of.ts';
import { eventStream, type SentEvent } from '../server-sent.ts';
import { RUN, RUN_SUMMARY, TASK } from '../shapes.ts';
import { runEventView, runSummaryView, runView, taskView } from '../views.ts';

const tag = 'runs';

export function runRoutes({ orchestrator }: Pick<ApiContext, 'orchestrator'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/runs',
      operationId: 'startRun',
      summary: 'Start a run of a pipeline.',
      tag,
      body: {
        type: 'object',
        additionalProperties: false,
        properties: {
          pipeline: { type: 'string', description: 'Name of the pipeline.' },
          pipeline_id: { type: 'string', description: 'The same, as POST /api/v1/pipelines answers it.' },
          params: {
            type: 'object',
            description: "Over the pipeline's defaults.",
            additionalProperties: { type: ['string', 'number', 'boolean'] },
          },
          no_cache: {
            type: 'boolean',
            description: "Take over nothing from runs before, whatever the tasks' `cache` says. Default false.",
          },
        },
        anyOf: [{ required: ['pipeline'] }, { required: ['pipeline_id'] }],
      },
      answers: {
        202: {
          description: 'The run is queued.',
          schema: {
            type: 'object',
            required: ['run_id', 'status'],
            properties: { run_id: { type: 'string' }, status: { type: 'string' }, pipeline: { type: 'string' } },
          },
        },
      },
      handle: async ({ body, caller, header }) => {
        const asked = body as { pipeline?: string; pipeline_id?: string; params?: JsonObject; no_cache?: boolean };
        const pipeline = (asked.pipeline ?? asked.pipeline_id ?? '').replace(/^pipeline\./, '');
        const key = header('idempotency-key');
        const traceparent = header('traceparent');
        const isTraced = parseTraceParent(traceparent) !== undefined;
        const run = await orchestrator.submit({
          pipeline,
          params: asked.params ?? {},
          noCache: asked.no_cache,
          cause: { kind: 'api', who: caller.who, schedule: null, instant: null, ...(isTraced && { traceparent }) },
          ...(key !== undefined && { idempotencyKey: `${caller.who}:${key}` }),
        });
        return json(
          202,
          { run_id: run.runId, status: run.status, pipeline: run.pipeline },
          { location: `/api/v1/runs/${run.runId}` },
        );
      },
    },
    {
      method: 'GET',
      path: '/api/v1/runs',
      operationId: 'listRuns',
      summary: 'Runs, newest first.',
      tag,
      query: { ...PAGE_QUERY, pipeline: { type: 'string' }, status: { enum: RUN_STATUSES } },
      answers: { 200: { description: 'A page of runs.', schema: pageSchema(RUN_SUMMARY) } },
      handle: async ({ query }) => {
        const page = await orchestrator.list({
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
          pipeline: query['pipeline'] as string | undefined,
          status: query['status'] as RunStatus | undefined,
        });
        return json(200, { items: page.items.map(runSummaryView), next_cursor: page.nextCursor });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}',
      operationId: 'getRun',
      summary: 'A run with its tasks.',
      tag,
      answers: { 200: { description: 'The run.', schema: RUN } },
      handle: async (call) => json(200, runView(await runOf(orchestrator, call))),
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/events',
      operationId: 'followRun',
      summary: 'What happens to a run, as server-sent events, from its begin or after `Last-Event-ID`, until it ends.',
      tag,
      answers: { 200: { description: 'One event a change of state.', contentType: 'text/event-stream' } },
      handle: async (call) => {
        const run = await runOf(orchestrator, call);
        const after = Number(call.header('last-event-id') ?? 0);
        if (!Number.isInteger(after) || after < 0)
          throw new MlopsError('API400', { detail: 'Last-Event-ID is the `id` of an event.' });
        const events = orchestrator.events(run.runId, { signal: call.signal, after });
        return eventStream(sent(events), call.signal);
      },
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/tasks/{task}/items',
      operationId: 'listItems',
      summary: "The tasks of a task's items, in order.",
      tag,
      query: {
        failed: { type: 'boolean', default: false, description: 'Those that failed alone.' },
        after: { type: 'integer', minimum: 0, description: 'After the item of this place.' },
        limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'How many at most.' },
      },
      answers: {
        200: {
          description: 'A part of them.',
          schema: { type: 'object', properties: { items: { type: 'array', items: TASK } } },
        },
      },
      handle: async (call) => {
        const run = await runOf(orchestrator, call);
        const items = await orchestrator.items(run.runId, call.params['task'] ?? '', {
          failed: call.query['failed'] as boolean,
          after: call.query['after'] as number | undefined,
          limit: call.query['limit'] as number,
        });
        return json(200, { items: items.map(taskView) });
      },
    },
    {
      method: 'POST',
      path: '/api/v1/runs/{id}/cancel',
      operationId: 'cancelRun',
      summary: 'Cancel a run: nothing of it starts any more, what runs is ended.',
      tag,
      answers: { 202: { description: 'The run as it is now.', schema: RUN } },
      handle: async (call) => {
        const run = await runOf(orchestrator, call);
        return json(202, runView(await orchestrator.cancel(run.runId, call.caller.who)));
      },
    },
    {
      method: 'POST',
      path: '/api/v1/runs/{id}/retry',
      operationId: 'retryRun',
      summary: 'Run again what failed and what it blocked.',
      tag,
      answers: { 202: { description: 'The run as it is now.', schema: RUN } },
      handle: async (call) => {
        const run = await runOf(orchestrator, call);
        return json(202, runView(await orchestrator.retry(run.runId, call.caller.who)));
      },
    },
  ];
}

async function* sent(events: AsyncIterable<RunEvent>): AsyncGenerator<SentEvent, void, undefined> {
  for await (const event of events)
    yield { id: String(event.seq), event: { name: event.task === null ? 'run' : 'task', data: runEventView(event) } };
}
