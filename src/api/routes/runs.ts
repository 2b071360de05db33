/** Runs: started, watched, cancelled, tried again. */
import { Readable } from 'node:stream';
import { systemClock } from '../../lib/clock.ts';
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import { sinceOf } from '../../lib/since.ts';
import { parseTraceParent } from '../../lib/trace-context.ts';
import type { AttemptLine } from '../../orchestrator/follow-lines.ts';
import { hasFilter, type LineFilter, LOG_LEVELS, type LogLevel } from '../../orchestrator/log-lines.ts';
import { RUN_STATUSES, type RunStatus } from '../../stores/control/run-states.ts';
import type { RunEvent } from '../../stores/control/runs.ts';
import type { ApiContext } from '../context.ts';
import { toJson } from '../json.ts';
import { type Call, json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';
import { LOG_SEARCH, RUN, RUN_SUMMARY, TASK } from '../shapes.ts';
import { logLineView, logSearchView, runEventView, runSummaryView, runView, taskView } from '../views.ts';

const tag = 'runs';

export function runRoutes({ orchestrator, runFiles }: Pick<ApiContext, 'orchestrator' | 'runFiles'>): readonly Route[] {
  const runOf = async (call: Call) => {
    const id = call.params['id'] ?? '';
    const run = await orchestrator.get(id);
    if (run === undefined) throw unknownRun(id);
    return run;
  };
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
      handle: async (call) => json(200, runView(await runOf(call))),
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/events',
      operationId: 'followRun',
      summary: 'What happens to a run, as server-sent events, from its begin or after `Last-Event-ID`, until it ends.',
      tag,
      answers: { 200: { description: 'One event a change of state.', contentType: 'text/event-stream' } },
      handle: async (call) => {
        const run = await runOf(call);
        const after = Number(call.header('last-event-id') ?? 0);
        if (!Number.isInteger(after) || after < 0)
          throw new MlopsError('API400', { detail: 'Last-Event-ID is the `id` of an event.' });
        const events = orchestrator.events(run.runId, { signal: call.signal, after });
        return {
          kind: 'stream',
          status: 200,
          contentType: 'text/event-stream',
          stream: Readable.from(serverSent(events, call.signal)),
          headers: { 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
        };
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
        const run = await runOf(call);
        const items = await orchestrator.items(run.runId, call.params['task'] ?? '', {
          failed: call.query['failed'] as boolean,
          after: call.query['after'] as number | undefined,
          limit: call.query['limit'] as number,
        });
        return json(200, { items: items.map(taskView) });
      },
    },
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
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/tasks/{task}/logs',
      operationId: 'readLog',
      summary: "A task's log.",
      tag,
      query: {
        attempt: { type: 'integer', minimum: 1, description: 'Default: the last.' },
        follow: { type: 'boolean', default: false, description: 'Go on until the attempt ends.' },
        ...LINE_QUERY,
        tail: {
          type: 'integer',
          minimum: 0,
          maximum: 1_000_000,
          description: 'Only the last so many lines of what is there.',
        },
      },
      answers: {
        200: {
          description: 'The log as text; with `Accept: application/x-ndjson` a JSON object a line.',
          contentType: 'text/plain',
        },
      },
      handle: async (call) => {
        const run = await runOf(call);
        const task = call.params['task'] ?? '';
        if (!run.tasks.some(({ name }) => name === task.replace(/\[\d+\]$/, ''))) {
          throw new MlopsError('PL202', {
            detail: `The run ${run.runId} has no task "${task}".`,
            hint: `its tasks: ${run.tasks.map(({ name }) => name).join(', ')}`,
          });
        }
        const options = {
          attempt: call.query['attempt'] as number | undefined,
          follow: call.query['follow'] as boolean,
          signal: call.signal,
          tail: call.query['tail'] as number | undefined,
          ...lineFilterOf(call),
        };
        const isJson = (call.header('accept') ?? '').includes('application/x-ndjson');
        const asked = isJson || options.tail !== undefined || hasFilter(options);
        const text = asked
          ? logText(orchestrator.logLines(run.runId, task, options), { task, isJson })
          : orchestrator.logs(run.runId, task, options);
        return {
          kind: 'stream',
          status: 200,
          contentType: isJson ? 'application/x-ndjson' : 'text/plain; charset=utf-8',
          stream: Readable.from(untilGone(text, call.signal)),
        };
      },
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/artifacts',
      operationId: 'listRunArtifacts',
      summary: 'Files that the tasks of a run left.',
      tag,
      answers: { 200: { description: '`{items: [{task, path, digest, bytes}]}`.' } },
      handle: async (call) => json(200, { items: await orchestrator.artifacts((await runOf(call)).runId) }),
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/tasks/{task}/artifacts/{path*}',
      operationId: 'getRunArtifact',
      summary: 'Download a file that a task left.',
      tag,
      answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
      handle: async (call) => {
        const { runId } = await runOf(call);
        const { task = '', path = '' } = call.params;
        const found = (await orchestrator.artifacts(runId, [task])).find((artifact) => artifact.path === path);
        if (found === undefined)
          throw new MlopsError('PL202', {
            detail: `The task "${task}" of run ${runId} left no file ${path}.`,
            hint: `GET /api/v1/runs/${runId}/artifacts lists them`,
          });
        return {
          kind: 'stream',
          status: 200,
          contentType: 'application/octet-stream',
          stream: await runFiles.stream(found.digest),
          headers: {
            etag: `"${found.digest}"`,
            'x-checksum-sha256': found.digest,
            'content-length': String(found.bytes),
          },
        };
      },
    },
    {
      method: 'GET',
      path: '/api/v1/logs',
      operationId: 'searchLogs',
      summary: "Lines of the logs of a pipeline's runs, the newest run first, as many as are found in a few seconds.",
      tag,
      query: {
        pipeline: { type: 'string', description: 'Name of the pipeline.' },
        ...LINE_QUERY,
        limit: {
          type: 'integer',
          minimum: 1,
          maximum: 1000,
          default: 100,
          description: 'Lines to answer at most; a run that was begun is finished.',
        },
        cursor: PAGE_QUERY.cursor,
      },
      answers: { 200: { description: 'What was found, and where to go on.', schema: LOG_SEARCH } },
      handle: async (call) => {
        const pipeline = call.query['pipeline'] as string | undefined;
        if (pipeline === undefined)
          throw new MlopsError('API400', {
            detail: 'A search of logs is within the runs of one pipeline.',
            hint: 'pipeline=NAME',
          });
        const found = await orchestrator.searchLogs({
          pipeline,
          ...lineFilterOf(call),
          limit: call.query['limit'] as number,
          cursor: call.query['cursor'] as string | undefined,
          signal: call.signal,
        });
        return json(200, logSearchView(found));
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
        const run = await runOf(call);
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
        const run = await runOf(call);
        return json(202, runView(await orchestrator.retry(run.runId, call.caller.who)));
      },
    },
  ];
}

function unknownRun(id: string): MlopsError {
  return new MlopsError('PL202', { detail: `There is no run ${id}.`, hint: 'GET /api/v1/runs lists them' });
}

const LINE_QUERY = {
  level: { enum: LOG_LEVELS, description: 'Lines of this level and graver ones, and what the orchestrator says.' },
  grep: {
    type: 'string',
    minLength: 1,
    maxLength: 1000,
    description: 'A part of the line; without upper-case letters case is no matter.',
  },
  since: { type: 'string', description: 'A time, or how long ago: `10m`, `2h`.' },
} as const;

function lineFilterOf({ query }: Call): LineFilter {
  const since = query['since'] as string | undefined;
  return {
    level: query['level'] as LogLevel | undefined,
    grep: query['grep'] as string | undefined,
    since: since === undefined ? undefined : sinceOf(since, systemClock.now()),
  };
}

async function* logText(
  lines: AsyncIterable<AttemptLine>,
  { task, isJson }: { readonly task: string; readonly isJson: boolean },
): AsyncGenerator<string, void, undefined> {
  for await (const line of lines) yield `${isJson ? toJson(logLineView({ ...line, task })) : line.text}\n`;
}

const HEARTBEAT_MS = 15_000;
/** What a client waits before it asks again where the connection broke. */
const RECONNECT_MS = 2_000;

/** A comment now and then tells proxies and clients that the stream lives. */
async function* serverSent(events: AsyncIterable<RunEvent>, signal: AbortSignal): AsyncGenerator<string> {
  const iterator = events[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    // Opens the stream at the client at once, also where the next event is long in coming.
    yield `retry: ${RECONNECT_MS}\n\n`;
    for (;;) {
      const beat = heartbeat(signal);
      const winner = await Promise.race([next, beat.due]);
      beat.cancel();
      if (winner === 'beat') {
        if (signal.aborted) return;
        yield ': still here\n\n';
        continue;
      }
      if (winner.done === true) return;
      yield `id: ${winner.value.seq}\nevent: ${winner.value.task === null ? 'run' : 'task'}\ndata: ${toJson(runEventView(winner.value))}\n\n`;
      next = iterator.next();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    next.catch(() => {});
    await iterator.return?.();
  }
}

function heartbeat(signal: AbortSignal): { readonly due: Promise<'beat'>; readonly cancel: () => void } {
  let cancel = (): void => {};
  const due = new Promise<'beat'>((resolve) => {
    const wake = (): void => resolve('beat');
    const timer = setTimeout(wake, HEARTBEAT_MS);
    signal.addEventListener('abort', wake, { once: true });
    cancel = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
    };
  });
  return { due, cancel };
}

/** A client that left, or a daemon that stops, ends the text without an error. */
async function* untilGone(text: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for await (const part of text) yield part;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
