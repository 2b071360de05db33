import { integer } from '@oclif/core/flags';
import { trainingSetView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class DatasetsList extends BaseCommand {
  static override summary = 'Recorded training sets, the newest first.';
  static override flags = { limit: integer({ description: 'How many at most.', default: 50, min: 1, max: 1000 }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(DatasetsList);
    const sets = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).trainingSets(flags.limit),
    );
    this.result(flags, { training_sets: sets.map(trainingSetView) }, () =>
      sets.length === 0
        ? 'No training sets are recorded.'
        : table(
            ['DIGEST', 'SERVICE', 'ROWS', 'VERSIONS', 'MADE (UTC)', 'BY'],
            sets.map((set) => [
              set.digest.slice(0, 12),
              set.service,
              String(set.rows),
              Object.entries(set.featureSetVersions)
                .map(([name, version]) => `${name}@${version}`)
                .join(' '),
              instant(set.madeAt),
              set.madeBy,
            ]),
          ),
    );
  }
}
