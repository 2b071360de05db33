import { snakeCaseKeys } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { rebuiltTable } from '../../datasets.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class DatasetsVerify extends BaseCommand {
  static override summary =
    'Makes a recorded training set again, or each, and compares it byte for byte. Exit code 1 where one differs.';
  static override args = {
    digest: word({ description: 'Its digest, or the first characters of it. Default: every one.' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DatasetsVerify);
    const call = { signal: this.interruption.signal, log: (line: string) => this.note(`  ${line}`) };
    const made = await inEnvironment(this, flags, async (environment) => {
      const features = await environment.features();
      const digests =
        args.digest === undefined ? (await features.trainingSets(100_000)).map(({ digest }) => digest) : [args.digest];
      const all = [];
      for (const digest of digests) all.push(await features.rebuildTrainingSet(digest, { restore: false }, call));
      return all;
    });
    this.result(flags, { training_sets: snakeCaseKeys(made) }, () =>
      made.length === 0 ? 'No training sets are recorded.' : rebuiltTable(made),
    );
    const different = made.filter(({ equal }) => !equal);
    if (different.length > 0) {
      throw new MlopsError('FS223', {
        detail: `${different.length} of ${made.length} training sets are not what they were: ${different.map(({ digest }) => digest.slice(0, 12)).join(', ')}.`,
        hint: 'files of the offline store were changed, or another version of the engine writes other bytes',
      });
    }
  }
}
