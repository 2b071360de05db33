import { integer, string } from '@oclif/core/flags';
import { NOTIFICATION_STATUSES, type NotificationStatus, notificationView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class NotificationsList extends BaseCommand {
  static override summary = 'Notifications that were sent, wait, or that no receiver took, newest first.';
  static override flags = {
    status: string({
      description: 'Only in this state. dead: refused, or failed too often.',
      options: [...NOTIFICATION_STATUSES],
    }),
    channel: string({ description: 'Only to this channel.' }),
    limit: integer({ description: 'How many at most.', default: 20, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(NotificationsList);
    const { items } = await inEnvironment(this, flags, async (environment) =>
      (await environment.notifications()).list({
        limit: flags.limit,
        status: flags.status as NotificationStatus | undefined,
        channel: flags.channel,
      }),
    );
    this.result(flags, { notifications: items.map(notificationView) }, () =>
      items.length === 0
        ? 'No notifications.'
        : [
            table(
              ['ID', 'CHANNEL', 'EVENT', 'STATUS', 'TRIES', 'CREATED (UTC)', 'TITLE'],
              items.map(({ id, channel, kind, status, attempts, createdAt, message }) => [
                id,
                channel,
                kind,
                status,
                String(attempts),
                instant(createdAt),
                message.title,
              ]),
            ),
            ...items.flatMap(({ id, channel, lastError, status }) =>
              lastError === null || status === 'sent' ? [] : ['', `${id} to ${channel}: ${lastError}`],
            ),
          ].join('\n'),
    );
  }
}
