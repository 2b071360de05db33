import { integer } from '@oclif/core/flags';
import { BaseCommand } from '../../../base-command.ts';
import { inEnvironment } from '../../../session.ts';
import { word } from '../../../word.ts';

export default class FeaturesQuarantineDiscard extends BaseCommand {
  static override summary =
    'Let rows go that are kept aside. What a source still gives comes again with the next materialization.';
  static override args = { set: word({ description: 'Name of the feature set.', required: true }) };
  static override flags = {
    id: integer({ description: 'Only this row. May be repeated. Default: all of the set.', multiple: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesQuarantineDiscard);
    const set = args.set.replace(/^feature_set\./, '');
    const rows = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).quarantine.discard(set, flags.id),
    );
    this.result(
      flags,
      { feature_set: set, discarded: rows },
      () => `${set}: ${rows} ${rows === 1 ? 'row' : 'rows'} discarded`,
    );
  }
}
