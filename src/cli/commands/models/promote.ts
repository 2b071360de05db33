import { string } from '@oclif/core/flags';
import { type Stage, versionView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { versionOf } from '../../models.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsPromote extends BaseCommand {
  static override summary = "Move a version to a stage; into production through the model's gates.";
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    version: word({ description: 'A number, latest, a stage or an alias.', required: true }),
  };
  static override flags = {
    to: string({
      description: 'Stage to move it to.',
      options: ['staging', 'production', 'archived'],
      default: 'production',
    }),
    reason: string({ description: 'Why; it is kept in the history.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsPromote);
    const promotion = await inEnvironment(this, flags, async (environment) => {
      const registry = await environment.registry();
      const { id } = await versionOf(registry, args.model, args.version);
      return registry.promote({ versionId: id, to: flags.to as Stage, reason: flags.reason ?? null }, environment.who);
    });
    const { version, archived, gates } = promotion;
    this.result(flags, { ...versionView(version), gates: promotion.gates, archived: archived?.version ?? null }, () =>
      [
        ...gates.map((gate) => `  ${gate.passed ? '✓' : '✗'} ${gate.detail}`),
        `${version.name} version ${version.version} is in ${version.stage}.${archived === undefined ? '' : ` Version ${archived.version} is archived.`}`,
      ].join('\n'),
    );
  }
}
