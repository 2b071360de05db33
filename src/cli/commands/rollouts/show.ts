import { rolloutDetailsView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { rolloutText } from '../../rollout-view.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class RolloutsShow extends BaseCommand {
  static override summary = 'A rollout: its steps, what it measured last, and every decision with its reason.';
  static override args = {
    rollout: word({ description: 'Name of the endpoint, for its newest one, or an id.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RolloutsShow);
    const details = await inEnvironment(this, flags, async (environment) =>
      (await environment.rollouts()).show(args.rollout.replace(/^endpoint\./, '')),
    );
    this.result(flags, rolloutDetailsView(details), () => rolloutText(details));
  }
}
