import { recordedView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { settingsOf, within } from '../../session.ts';

export default class StateList extends BaseCommand {
  static override summary = 'The recorded resources.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(StateList);
    const state = await within(this, await settingsOf(flags), (environment) => environment.state.read(), {
      readOnly: true,
    });
    const resources = [...state.resources].sort((a, b) => (a.address < b.address ? -1 : 1));
    this.result(flags, { lineage: state.lineage, serial: state.serial, resources: resources.map(recordedView) }, () =>
      resources.length === 0
        ? 'Nothing is applied.'
        : table(
            ['ADDRESS', 'STATUS', 'MANAGED BY', 'UPDATED (UTC)'],
            resources.map(({ address, status, managedBy, updatedAt }) => [
              address,
              status,
              managedBy,
              instant(updatedAt),
            ]),
          ),
    );
  }
}
