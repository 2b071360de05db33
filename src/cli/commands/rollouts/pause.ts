import { BaseCommand } from '../../base-command.ts';
import { rolloutArgs, rolloutFlags, tellRollout } from '../../rollout-command.ts';

export default class RolloutsPause extends BaseCommand {
  static override summary = 'Pause a rollout at its share.';
  static override args = rolloutArgs;
  static override flags = rolloutFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolloutsPause);
    await tellRollout(this, args.endpoint, flags, (rollouts, endpoint, by) => rollouts.command(endpoint, 'pause', by));
  }
}
