import { MlopsError } from '../../../lib/error.ts';
import type { Kind } from '../../../spec/kinds.ts';
import { BaseCommand } from '../../base-command.ts';
import { editState, recordedAt } from '../../editing-state.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

const LEFT_BEHIND: Readonly<Record<Kind, string | null>> = {
  source: 'its snapshots',
  entity: null,
  feature_set: 'its versions with their rows, offline and online',
  feature_service: null,
  pipeline: 'its runs, those under way too',
  model: 'its versions, artifacts and history in the registry',
  endpoint: 'its logged predictions',
  policy: null,
  environment: null,
};

export default class StateRm extends BaseCommand {
  static override summary = 'Forget a recorded resource and leave alone what it stands for.';
  static override args = { address: word({ description: 'kind.name', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StateRm);
    const { serial, left } = await inEnvironment(this, flags, (environment) =>
      editState(environment, 'state rm', async (state, edit) => {
        const { address, kind, protect } = recordedAt(state, args.address);
        const needing = state.resources
          .filter(({ dependsOn }) => dependsOn.includes(address))
          .map((resource) => resource.address);
        if (needing.length > 0) {
          throw new MlopsError('SP120', {
            detail: `${address} is what ${needing.join(', ')} ${needing.length === 1 ? 'depends' : 'depend'} on.`,
            hint: `forget ${needing.length === 1 ? 'it' : 'them'} first`,
            address,
            data: { needing },
          });
        }
        if (protect) {
          throw new MlopsError('AP105', {
            detail: `${address} is protected.`,
            hint: 'apply it with `protect: false` first',
            address,
          });
        }
        await environment.state.forget(address, edit);
        return { serial: edit.serial + 1, left: LEFT_BEHIND[kind] };
      }),
    );
    this.result(
      flags,
      { forgotten: args.address, left_behind: left, serial },
      () => `Forgot ${args.address}.${left === null ? '' : ` Left as it is: ${left}.`}`,
    );
  }
}
