import { resolve } from 'node:path';
import { boolean, integer, string } from '@oclif/core/flags';
import { fileFormat, PUSH_TARGETS, type PushTarget, type TableFormat } from '../../../compose/views.ts';
import { systemClock } from '../../../lib/clock.ts';
import { BaseCommand } from '../../base-command.ts';
import { startLiveLine } from '../../live-line.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

const FORMATS = ['csv', 'json', 'jsonl', 'parquet'] as const;

export default class FeaturesPush extends BaseCommand {
  static override summary = 'Rows of a file into a feature set: served, recorded for training, or both.';
  static override args = {
    set: word({ description: 'Name of the feature set.', required: true }),
    file: word({ description: 'A .csv, .parquet, .jsonl or .json file; - reads standard input.', required: true }),
  };
  static override flags = {
    to: string({ description: 'Where to.', options: [...PUSH_TARGETS], default: 'online_and_offline' }),
    format: string({
      description: 'Format of the file. Default: as its ending says; of standard input jsonl.',
      options: [...FORMATS],
    }),
    batch: integer({
      description: 'Rows that are accepted together or not at all.',
      default: 5_000,
      min: 1,
      max: 100_000,
    }),
    skip: integer({ description: 'Rows at the beginning that were accepted before.', default: 0, min: 0 }),
    'ignore-extra': boolean({ description: 'Leave out columns that the set does not have.', default: false }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesPush);
    const set = args.set.replace(/^feature_set\./, '');
    const format = (flags.format as TableFormat | undefined) ?? (args.file === '-' ? 'jsonl' : fileFormat(args.file));
    const { signal } = this.interruption;
    const since = systemClock.now().getTime();
    let pushed = 0;
    const rate = (): string => {
      const seconds = (systemClock.now().getTime() - since) / 1000;
      return `${set}: ${pushed} rows pushed, ${Math.round(pushed / Math.max(seconds, 0.001))} a second`;
    };
    if (process.stderr.isTTY === true && !flags.json)
      this.live = startLiveLine(process.stderr, (width) => (pushed === 0 ? undefined : rate().slice(0, width)));
    const done = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).pushFile(
        {
          set,
          from: args.file === '-' ? { stream: process.stdin } : { file: resolve(args.file) },
          format,
          to: flags.to as PushTarget,
          extra: flags['ignore-extra'] ? 'ignore' : 'refuse',
          batchRows: flags.batch,
          skip: flags.skip,
        },
        {
          signal,
          onProgress: ({ rows }) => {
            pushed = rows;
          },
        },
      ),
    ).finally(() => {
      this.live?.stop();
      this.live = undefined;
    });
    this.result(flags, { feature_set: set, to: flags.to, ...done }, () => {
      const after = flags.to === 'offline' ? `, on the next materialization` : `, ${done.applied} served now`;
      const aside = done.quarantined === 0 ? '' : `, ${done.quarantined} kept aside`;
      return `${set}: ${done.rows} ${done.rows === 1 ? 'row' : 'rows'} ${flags.to.replaceAll('_', ' ')}${after}${aside}`;
    });
  }
}
