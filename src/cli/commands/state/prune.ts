import { boolean, integer, string } from '@oclif/core/flags';
import type { SerialRecord } from '../../../compose/views.ts';
import { systemClock } from '../../../lib/clock.ts';
import { MlopsError } from '../../../lib/error.ts';
import { DURATION_PATTERN, durationMs } from '../../../lib/units.ts';
import { BaseCommand } from '../../base-command.ts';
import { underStateLock } from '../../editing-state.ts';
import { instant } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

const ALL = 1_000_000;

export default class StatePrune extends BaseCommand {
  static override summary = 'Sum up the old part of the history: --against goes no further back from then on.';
  static override description =
    'Nothing prunes the history by itself. Without --yes it says what would be forgotten and changes nothing.';
  static override flags = {
    keep: integer({ description: 'Keep the newest so many serials as they are.', min: 1 }),
    'older-than': string({ description: 'Sum up what is older, e.g. 90d. With --keep: only what both let go.' }),
    yes: boolean({ char: 'y', description: 'Do it.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(StatePrune);
    const { keep, 'older-than': age } = flags;
    if (keep === undefined && age === undefined) {
      throw new MlopsError('CL101', {
        detail: 'Nothing says what is to be kept.',
        hint: 'give --keep NUMBER, --older-than DURATION, or both',
      });
    }
    if (age !== undefined && !DURATION_PATTERN.test(age)) {
      throw new MlopsError('CL101', {
        detail: `"${age}" is no duration.`,
        hint: 'write a number with h, d or w, e.g. --older-than 90d',
      });
    }
    const before = age === undefined ? undefined : systemClock.now().getTime() - durationMs(age);
    const done = await inEnvironment(this, flags, (environment) =>
      underStateLock(environment, 'state prune', async () => {
        const { history } = environment.state;
        const found = whatGoes(await history.serials(ALL), keep ?? 0, before);
        if (found === undefined) return undefined;
        const entries = flags.yes ? await history.prune(found.from, environment.who) : null;
        return { ...found, entries };
      }),
    );
    if (done === undefined) {
      this.result(
        flags,
        { pruned: false, from: null, base: null, serials: 0, entries: null },
        () => 'Nothing is older.',
      );
      return;
    }
    const { from, base, gone, entries } = done;
    this.result(flags, { pruned: flags.yes, from, base: base.serial, serials: gone.length, entries }, () => {
      const range =
        gone.length === 1 ? `serial ${gone[0]?.serial}` : `serials ${gone.at(-1)?.serial} to ${gone[0]?.serial}`;
      const rest = `What serial ${from} and later ones changed stays, and the state as it was at serial ${base.serial} (${instant(base.at)}).`;
      return flags.yes
        ? `Forgot ${range}. ${rest} --against goes back to ${base.serial} at most.`
        : `Would forget ${range}. ${rest} --against would go back to ${base.serial} at most.\nNothing was changed: --yes does it.`;
    });
  }
}

interface Going {
  /** The first serial that stays as it is. */
  readonly from: number;
  /** The one before it: the state of then stays known. */
  readonly base: SerialRecord;
  /** What cannot be gone back to any more, the newest first. */
  readonly gone: readonly SerialRecord[];
}

/** `serials`: newest first. Undefined where nothing goes. */
function whatGoes(serials: readonly SerialRecord[], keep: number, before: number | undefined): Going | undefined {
  const old = serials.filter(({ at }, index) => index >= keep && (before === undefined || at.getTime() < before));
  const [base, ...gone] = old;
  const kept = serials[serials.indexOf(base as SerialRecord) - 1];
  if (base === undefined || gone.length === 0) return undefined;
  return { from: kept?.serial ?? base.serial + 1, base, gone };
}
