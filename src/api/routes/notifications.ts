/** Notifications: what was sent, what waits, what no receiver took. */
import { NOTIFICATION_STATUSES, type NotificationStatus } from '../../stores/control/notifications.ts';
import type { ApiContext } from '../context.ts';
import { json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';
import { NOTIFICATION } from '../shapes.ts';
import { notificationView } from '../views.ts';

const tag = 'notifications';

export function notificationRoutes({ notifier }: Pick<ApiContext, 'notifier'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/notifications',
      operationId: 'listNotifications',
      summary: 'Notifications, newest first.',
      tag,
      query: { ...PAGE_QUERY, status: { enum: NOTIFICATION_STATUSES }, channel: { type: 'string' } },
      answers: { 200: { description: 'A page of notifications.', schema: pageSchema(NOTIFICATION) } },
      handle: async ({ query }) => {
        const page = await notifier.list({
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
          status: query['status'] as NotificationStatus | undefined,
          channel: query['channel'] as string | undefined,
        });
        return json(200, { items: page.items.map(notificationView), next_cursor: page.nextCursor });
      },
    },
    {
      method: 'POST',
      path: '/api/v1/notifications/{id}/retry',
      operationId: 'retryNotification',
      summary: 'Try one again that no receiver took.',
      tag,
      answers: { 202: { description: 'It is sent soon.', schema: NOTIFICATION } },
      handle: async ({ params }) => json(202, notificationView(await notifier.retry(params['id'] ?? ''))),
    },
    {
      method: 'POST',
      path: '/api/v1/notifications/test',
      operationId: 'testChannel',
      summary: 'Send a test message to a channel now.',
      tag,
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['channel'],
        properties: { channel: { type: 'string', description: "Name of one of the environment's `notifications`." } },
      },
      answers: {
        200: {
          description: 'The receiver took it.',
          schema: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
        },
      },
      handle: async ({ body, signal }) => json(200, await notifier.test((body as { channel: string }).channel, signal)),
    },
  ];
}
