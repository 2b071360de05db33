import { recordedView } from '../../../compose.ts';
import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { BaseCommand } from '../../base-command.ts';
import { settingsOf, within } from '../../session.ts';
import { word } from '../../word.ts';

export default class StateShow extends BaseCommand {
  static override summary = 'One recorded resource, whole.';
  static override args = { address: word({ description: 'kind.name', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StateShow);
    const state = await within(this, await settingsOf(flags), (environment) => environment.state.read(), {
      readOnly: true,
    });
    const resource = state.resources.find(({ address }) => address === args.address);
    if (resource === undefined) {
      throw new MlopsError('SP104', {
        detail: `${args.address} is not in the state.`,
        hint: didYouMean(
          args.address,
          state.resources.map(({ address }) => address),
        ),
      });
    }
    const view = recordedView(resource);
    this.result(flags, view, () => JSON.stringify(view, null, 2));
  }
}
