/** What tasks wrote: the log of one, and a search in those of a pipeline's runs. */
import { Readable } from 'node:stream';
import { systemClock } from '../../lib/clock.ts';
import { MlopsError } from '../../lib/error.ts';
import { sinceOf } from '../../lib/since.ts';
import type { AttemptLine } from '../../orchestrator/follow-lines.ts';
import { hasFilter, type LineFilter, LOG_LEVELS, type LogLevel } from '../../orchestrator/log-lines.ts';
import type { ApiContext } from '../context.ts';
import { toJson } from '../json.ts';
import { type Call, json, PAGE_QUERY, type Route } from '../route.ts';
import { runOf } from '../run-of.ts';
import { LOG_SEARCH } from '../shapes.ts';
import { logLineView, logSearchView } from '../views.ts';

const tag = 'runs';

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

export function runLogRoutes({ orchestrator }: Pick<ApiContext, 'orchestrator'>): readonly Route[] {
  return [
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
        const run = await runOf(orchestrator, call);
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
  ];
}

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

/** A client that left, or a daemon that stops, ends the text without an error. */
async function* untilGone(text: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for await (const part of text) yield part;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
