import { BaseCommand } from '../../base-command.ts';
import { rolloutArgs, rolloutFlags, tellRollout } from '../../rollout-command.ts';

export default class RolloutsAbort extends BaseCommand {
  static override summary = 'End a rollout: the candidate gets no key any more.';
  static override args = rolloutArgs;
  static override flags = rolloutFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolloutsAbort);
    await tellRollout(this, args.endpoint, flags, (rollouts, endpoint, by) => rollouts.command(endpoint, 'abort', by));
  }
}
