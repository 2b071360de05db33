import { boolean, string } from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.ts';
import { modelName, versionOf } from '../../models.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsDelete extends BaseCommand {
  static override summary =
    'Deletes a version, or a model with all of them, where nothing refers to it. The history stays, numbers are never given again.';
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    version: word({ description: 'A number or latest. Without it the whole model.' }),
  };
  static override flags = {
    aliases: boolean({ description: 'Its aliases go with it.', default: false }),
    artifacts: boolean({
      description: 'The content of its artifacts goes too, where nothing in this control store has it any more.',
      default: false,
    }),
    reason: string({ description: 'Why; it is kept in the history.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsDelete);
    const name = modelName(args.model);
    const gone = await inEnvironment(this, flags, async (environment) => {
      const registry = await environment.registry();
      const deletion = {
        who: environment.who,
        reason: flags.reason ?? null,
        withAliases: flags.aliases,
        withArtifacts: flags.artifacts,
      };
      if (args.version === undefined) {
        const { freed } = await registry.deleteModel(name, deletion);
        return { name, version: null, freed };
      }
      const { id } = await versionOf(registry, name, args.version);
      const { version, freed } = await registry.deleteVersion(id, deletion);
      return { name: version.name, version: version.version, freed };
    });
    const what =
      gone.version === null ? `${gone.name} and its versions are` : `${gone.name} version ${gone.version} is`;
    this.result(
      flags,
      gone,
      () => `${what} deleted.${gone.freed.length === 0 ? '' : ` Contents that went: ${gone.freed.length}.`}`,
    );
  }
}
