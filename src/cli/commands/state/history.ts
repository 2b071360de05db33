import { integer } from '@oclif/core/flags';
import { type HistoryEntry, historyView, type SerialRecord, snakeCaseKeys } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { differenceLines } from '../../../plan/render/past.ts';
import { BaseCommand } from '../../base-command.ts';
import { addressOfArgument } from '../../editing-state.ts';
import { instant, table } from '../../output.ts';
import { settingsOf, within } from '../../session.ts';
import { word } from '../../word.ts';

export default class StateHistory extends BaseCommand {
  static override summary = 'What changed the state, by serial; of one resource, what each change was.';
  static override args = { address: word({ description: 'kind.name, as it is called now or was.' }) };
  static override flags = {
    limit: integer({ description: 'At most so many, the newest first.', default: 20, min: 1, max: 10_000 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StateHistory);
    const settings = await settingsOf(flags);
    const { limit } = flags;
    if (args.address === undefined) {
      const serials = await within(this, settings, ({ state }) => state.history.serials(limit), { readOnly: true });
      this.result(flags, { serials: serials.map(snakeCaseKeys) }, () => serialsText(serials));
      return;
    }
    const address = addressOfArgument(args.address);
    const { entries, known } = await within(
      this,
      settings,
      async ({ state }) => ({
        entries: await state.history.entries({ address, limit }),
        known: (await state.read()).resources.map((resource) => resource.address),
      }),
      { readOnly: true },
    );
    if (entries.length === 0) {
      throw new MlopsError('SP104', {
        detail: `The history knows nothing of ${address}.`,
        hint: didYouMean(address, known),
      });
    }
    this.result(flags, { address, changes: entries.map(historyView) }, () => entries.map(entryText).join('\n'));
  }
}

function serialsText(serials: readonly SerialRecord[]): string {
  if (serials.length === 0) return 'Nothing is applied.';
  return table(
    ['SERIAL', 'WHEN (UTC)', 'WHO', 'COMMIT', 'BY', 'OUTCOME', 'CHANGES'],
    serials.map(({ serial, at, who, gitCommit, operation, outcome, counts }) => [
      String(serial),
      instant(at),
      who,
      gitCommit?.slice(0, 12) ?? '-',
      operation,
      outcome ?? 'under way',
      Object.entries(counts)
        .map(([action, count]) => `${count} ${action}`)
        .join(', ') || '-',
    ]),
  );
}

function entryText({
  serial,
  at,
  who,
  gitCommit,
  action,
  address,
  previousAddress,
  before,
  after,
}: HistoryEntry): string {
  const commit = gitCommit === null ? '' : ` ${gitCommit.slice(0, 12)}`;
  const what = previousAddress === null ? `${action} ${address}` : `rename ${previousAddress} to ${address}`;
  return [
    `${serial}  ${instant(at)}  ${who}${commit}  ${what}`,
    ...differenceLines(before?.spec, after?.spec, '    '),
  ].join('\n');
}
