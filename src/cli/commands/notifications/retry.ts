import { notificationView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class NotificationsRetry extends BaseCommand {
  static override summary = 'Have a notification sent that no receiver took.';
  static override args = { id: word({ description: 'Id of the notification.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NotificationsRetry);
    const found = await inEnvironment(this, flags, async (environment) =>
      (await environment.notifier()).retry(args.id),
    );
    this.result(
      flags,
      notificationView(found),
      () => `${found.id} goes to ${found.channel} once more; the daemon sends it.`,
    );
  }
}
