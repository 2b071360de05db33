import { BaseCommand } from '../../base-command.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class NotificationsTest extends BaseCommand {
  static override summary = 'Send a test message to a channel, and say whether its receiver took it.';
  static override args = { channel: word({ description: 'Name of the channel.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NotificationsTest);
    const { id } = await inEnvironment(this, flags, async (environment) =>
      (await environment.notifier()).test(args.channel, this.interruption.signal),
    );
    this.result(flags, { id, channel: args.channel }, () => `${args.channel} took it.`);
  }
}
