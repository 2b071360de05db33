import { string } from '@oclif/core/flags';
import { versionView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsRollback extends BaseCommand {
  static override summary = 'Put the version that was in production before back.';
  static override args = { model: word({ description: 'Name of the model.', required: true }) };
  static override flags = { reason: string({ description: 'Why; it is kept in the history.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsRollback);
    const promotion = await inEnvironment(this, flags, async (environment) =>
      (await environment.registry()).rollback(
        args.model.replace(/^model\./, ''),
        environment.who,
        flags.reason ?? null,
      ),
    );
    const { version, archived } = promotion;
    this.result(
      flags,
      { ...versionView(version), gates: promotion.gates, archived: archived?.version ?? null },
      () =>
        `${version.name} version ${version.version} is in production again.${archived === undefined ? '' : ` Version ${archived.version} is archived.`}`,
    );
  }
}
