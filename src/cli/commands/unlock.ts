import { MlopsError } from '../../lib/error.ts';
import { BaseCommand } from '../base-command.ts';
import { inEnvironment } from '../session.ts';
import { word } from '../word.ts';

export default class Unlock extends BaseCommand {
  static override summary =
    'Remove a lock by hand, once you know that its holder is gone. A holder that dies loses it by itself within half a minute.';
  static override args = { id: word({ description: 'The id that the refusal named.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Unlock);
    const { unlocked, holder } = await inEnvironment(this, flags, async ({ state }) => ({
      unlocked: await state.unlock(args.id),
      holder: await state.lockHolder(),
    }));
    if (!unlocked) {
      throw new MlopsError('AP101', {
        detail:
          holder === null
            ? 'There is no lock.'
            : `The lock has the id ${holder.id}: ${holder.who}, ${holder.operation}.`,
      });
    }
    this.result(flags, { unlocked: args.id }, () => `Removed the lock ${args.id}.`);
  }
}
