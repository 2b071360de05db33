/** What happens to all runs, as server-sent events. */
import type { FeedPart } from '../../orchestrator/follow-feed.ts';
import { RUN_STATUSES, TASK_STATUSES } from '../../stores/control/run-states.ts';
import type { ApiContext } from '../context.ts';
import type { Route } from '../route.ts';
import { eventStream, type SentEvent } from '../server-sent.ts';
import { feedEventView } from '../views.ts';

const STATUSES = [...new Set([...RUN_STATUSES, ...TASK_STATUSES])];

export function eventRoutes({ orchestrator }: Pick<ApiContext, 'orchestrator'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/events',
      operationId: 'followAllRuns',
      summary:
        'What happens to all runs from now on, or after `Last-Event-ID`, as server-sent events, until the client leaves.',
      tag: 'runs',
      query: {
        pipeline: { type: 'string', description: 'Of the runs of this pipeline alone.' },
        of: { enum: ['run', 'task'], description: 'Of the runs themselves, or of their tasks. Default: both.' },
        status: { enum: STATUSES, description: 'What came to this state alone.' },
        after: { type: 'string', description: 'The `id` of an event, for clients that cannot send `Last-Event-ID`.' },
      },
      answers: { 200: { description: 'One event a change of state.', contentType: 'text/event-stream' } },
      handle: async (call) => {
        const { query, signal } = call;
        const status = query['status'] as (typeof STATUSES)[number] | undefined;
        const parts = orchestrator.feed({
          filter: {
            pipeline: query['pipeline'] as string | undefined,
            of: query['of'] as 'run' | 'task' | undefined,
            statuses: status === undefined ? undefined : [status],
          },
          after: call.header('last-event-id') ?? (query['after'] as string | undefined),
          signal,
        });
        // What is wrong with the position, or with the store, is told before the stream begins.
        const first = await parts.next();
        return eventStream(sent(first, parts), signal);
      },
    },
  ];
}

async function* sent(
  first: IteratorResult<FeedPart, void>,
  rest: AsyncGenerator<FeedPart, void>,
): AsyncGenerator<SentEvent, void, undefined> {
  try {
    for (let part = first; part.done !== true; part = await rest.next()) {
      const { events, position } = part.value;
      if (events.length === 0) yield { id: position };
      for (const event of events)
        yield {
          id: event.position,
          event: { name: event.task === null ? 'run' : 'task', data: feedEventView(event) },
        };
    }
  } finally {
    await rest.return();
  }
}
