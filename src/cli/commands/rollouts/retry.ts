import { BaseCommand } from '../../base-command.ts';
import { rolloutArgs, rolloutFlags, tellRollout } from '../../rollout-command.ts';

export default class RolloutsRetry extends BaseCommand {
  static override summary = 'Begin a rollout anew with the version that the candidate follows.';
  static override args = rolloutArgs;
  static override flags = rolloutFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolloutsRetry);
    await tellRollout(this, args.endpoint, flags, (rollouts, endpoint, by) => rollouts.retry(endpoint, by));
  }
}
