import { boolean, string } from '@oclif/core/flags';
import { snakeCaseKeys } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { durationMs, sizeInWords } from '../../../lib/units.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

/** Whole days: whatever reads a snapshot has ended before it is let go. */
const KEEP = /^[1-9]\d*[dw]$/;

export default class SourcesPrune extends BaseCommand {
  static override summary = 'Delete snapshots of sources that nothing needs any more. A daemon does it by itself.';
  static override description =
    'Kept are the newest of each source, those that recorded training sets were made from, and those that versions of feature sets were last filled from. Without --yes it says what would go and changes nothing.';
  static override flags = {
    'older-than': string({
      description:
        'Those that nothing has needed for so long, in days or weeks. Default: snapshots.keep of the environment, else 30d.',
    }),
    yes: boolean({ char: 'y', description: 'Do it.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SourcesPrune);
    const age = flags['older-than'];
    if (age !== undefined && !KEEP.test(age)) {
      throw new MlopsError('CL101', {
        detail: `"${age}" is no number of days or weeks.`,
        hint: 'write e.g. --older-than 7d; what was replaced less than a day ago may still be read',
      });
    }
    const call = { signal: this.interruption.signal, log: (line: string) => this.note(`  ${line}`) };
    const options = { isLook: flags.yes !== true, keepMs: age === undefined ? undefined : durationMs(age) };
    const found = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).sweepSnapshots(options, call),
    );
    this.result(flags, { pruned: flags.yes === true, snapshots: snakeCaseKeys(found) }, () => {
      if (found.length === 0) return 'Every snapshot is needed, or was until lately.';
      const size = sizeInWords(found.reduce((sum, { bytes }) => sum + bytes, 0));
      const rows = found.map(({ source, digest, rows, bytes, since }) => [
        source,
        digest.slice(0, 12),
        String(rows),
        sizeInWords(bytes),
        instant(since),
      ]);
      const told = table(['SOURCE', 'SNAPSHOT', 'ROWS', 'SIZE', 'NOT NEEDED SINCE'], rows);
      return flags.yes
        ? `${told}\nDeleted ${found.length} snapshots, ${size}.`
        : `${told}\nWould delete ${found.length} snapshots, ${size}. Nothing was changed: --yes does it.`;
    });
  }
}
