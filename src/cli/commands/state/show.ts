import { integer } from '@oclif/core/flags';
import { pastView, recordedView } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { unknownSerial } from '../../against.ts';
import { BaseCommand } from '../../base-command.ts';
import { addressOfArgument, recordedAt } from '../../editing-state.ts';
import { settingsOf, within } from '../../session.ts';
import { word } from '../../word.ts';

export default class StateShow extends BaseCommand {
  static override summary = 'One recorded resource, whole.';
  static override args = { address: word({ description: 'kind.name', required: true }) };
  static override flags = { at: integer({ description: 'As it was when this serial was done.', min: 1 }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StateShow);
    const { at } = flags;
    const view = await within(
      this,
      await settingsOf(flags),
      async (environment) => {
        if (at === undefined) return recordedView(recordedAt(await environment.state.read(), args.address));
        const past = await environment.state.history.at(at);
        if (past === undefined) throw await unknownSerial(environment, at);
        const address = addressOfArgument(args.address);
        const resource = past.resources.get(address);
        if (resource === undefined) {
          throw new MlopsError('SP104', {
            detail: `${address} was not in the state at serial ${at}.`,
            hint: didYouMean(address, past.resources.keys()),
          });
        }
        return { address, serial: at, ...pastView(resource) };
      },
      { readOnly: true },
    );
    this.result(flags, view, () => JSON.stringify(view, null, 2));
  }
}
