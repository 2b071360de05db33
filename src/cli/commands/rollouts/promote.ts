import { BaseCommand } from '../../base-command.ts';
import { rolloutArgs, rolloutFlags, tellRollout } from '../../rollout-command.ts';

export default class RolloutsPromote extends BaseCommand {
  static override summary =
    "Promote the version of a rollout now, past the steps that are left, through the model's gates.";
  static override args = rolloutArgs;
  static override flags = rolloutFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolloutsPromote);
    await tellRollout(this, args.endpoint, flags, (rollouts, endpoint, by) =>
      rollouts.command(endpoint, 'promote', by),
    );
  }
}
