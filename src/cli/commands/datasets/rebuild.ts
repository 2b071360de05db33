import { snakeCaseKeys } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { rebuiltTable } from '../../datasets.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class DatasetsRebuild extends BaseCommand {
  static override summary = 'Makes a recorded training set again, and puts it back where the artifact store lost it.';
  static override args = {
    digest: word({ description: 'Its digest, or the first characters of it.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DatasetsRebuild);
    const call = { signal: this.interruption.signal, log: (line: string) => this.note(`  ${line}`) };
    const made = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).rebuildTrainingSet(args.digest, { restore: true }, call),
    );
    this.result(flags, snakeCaseKeys(made), () => rebuiltTable([made]));
    if (!made.equal)
      throw new MlopsError('FS223', {
        detail: `The training set ${made.digest.slice(0, 12)} is not what it was: its file has now the SHA-256 ${made.rebuilt}, not ${made.artifact}.`,
        hint: 'files of the offline store were changed, or another version of the engine writes other bytes',
      });
  }
}
