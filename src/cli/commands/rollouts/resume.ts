import { BaseCommand } from '../../base-command.ts';
import { rolloutArgs, rolloutFlags, tellRollout } from '../../rollout-command.ts';

export default class RolloutsResume extends BaseCommand {
  static override summary = 'Go on with a paused rollout; the time that it was paused does not count.';
  static override args = rolloutArgs;
  static override flags = rolloutFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolloutsResume);
    await tellRollout(this, args.endpoint, flags, (rollouts, endpoint, by) => rollouts.command(endpoint, 'resume', by));
  }
}
