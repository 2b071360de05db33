import { string } from '@oclif/core/flags';
import { CARD_FORMATS, type CardFormat } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { modelName, versionOf } from '../../models.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsCard extends BaseCommand {
  static override summary = 'The card of a version: what it is for, measures, data, features, where it comes from.';
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    version: word({
      description: 'A number, latest, a stage or an alias. Default: the one in production, else the newest.',
    }),
  };
  static override flags = {
    format: string({ description: 'How it is written.', options: [...CARD_FORMATS], default: 'markdown' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsCard);
    const { version, card } = await inEnvironment(this, flags, async (environment) => {
      const registry = await environment.registry();
      const found =
        args.version === undefined
          ? ((await registry.atStage(modelName(args.model), 'production')) ?? (await versionOf(registry, args.model)))
          : await versionOf(registry, args.model, args.version);
      return { version: found, card: await registry.card(found, flags.format as CardFormat) };
    });
    const { id, name, version: number } = version;
    this.result(flags, { id, name, version: number, format: flags.format, card }, () => card.trimEnd());
  }
}
