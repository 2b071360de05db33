import { boolean } from '@oclif/core/flags';
import { modelView } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { modelName, versionOf } from '../../models.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsAlias extends BaseCommand {
  static override summary = 'Names for versions: lists them, lets one name a version, or takes one away.';
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    alias: word({ description: 'Letters, digits, _ and -. Without it the aliases are listed.' }),
    version: word({ description: 'A number, latest, a stage or another alias.' }),
  };
  static override flags = { remove: boolean({ description: 'Take the alias away.', default: false }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsAlias);
    const { alias, version } = args;
    const name = modelName(args.model);
    if (alias !== undefined && flags.remove === (version !== undefined))
      throw new MlopsError('CL101', {
        detail: 'An alias is given to a version, or taken away.',
        hint: `mlops models alias ${name} ${alias} VERSION, or --remove without a version`,
      });
    const model = await inEnvironment(this, flags, async (environment) => {
      const registry = await environment.registry();
      if (alias === undefined) return registry.model(name);
      if (version === undefined) return registry.removeAlias(name, alias, environment.who);
      const { version: number } = await versionOf(registry, name, version);
      return registry.setAlias(name, alias, number, environment.who);
    });
    const aliases = Object.entries(model.aliases);
    this.result(flags, modelView(model), () =>
      aliases.length === 0
        ? `${model.name} has no aliases.`
        : table(
            ['ALIAS', 'VERSION'],
            aliases.map(([one, number]) => [one, String(number)]),
          ),
    );
  }
}
