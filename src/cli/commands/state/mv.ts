import { MlopsError } from '../../../lib/error.ts';
import { parseAddress } from '../../../spec/address.ts';
import { BaseCommand } from '../../base-command.ts';
import { addressOfArgument, editState, recordedAt } from '../../editing-state.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class StateMv extends BaseCommand {
  static override summary = 'Rename a recorded resource with its data. The specs must call it so too.';
  static override args = {
    from: word({ description: 'kind.name, as recorded.', required: true }),
    to: word({ description: 'kind.name, as the specs call it.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StateMv);
    const serial = await inEnvironment(this, flags, (environment) =>
      editState(environment, 'state mv', async (state, edit) => {
        const from = recordedAt(state, args.from).address;
        const to = addressOfArgument(args.to);
        if (from === to || parseAddress(from)?.kind !== parseAddress(to)?.kind) {
          throw new MlopsError('AP108', {
            detail: `${from} cannot be renamed to ${to}.`,
            hint: 'give it another name of the same kind',
            address: to,
          });
        }
        await environment.state.move([{ from, to }], edit);
        return edit.serial + 1;
      }),
    );
    this.result(
      flags,
      { from: args.from, to: args.to, serial },
      () =>
        `Renamed ${args.from} to ${args.to}, with its data. The old name answers until another resource takes it.\nCall it so in the specs as well: the next plan of them is then empty.`,
    );
  }
}
