import { integer } from '@oclif/core/flags';
import { heldView } from '../../../../compose/views.ts';
import { BaseCommand } from '../../../base-command.ts';
import { instant, table } from '../../../output.ts';
import { inEnvironment } from '../../../session.ts';
import { word } from '../../../word.ts';

export default class FeaturesQuarantineList extends BaseCommand {
  static override summary = 'Rows that are kept aside because they break an expectation.';
  static override args = { set: word({ description: 'Default: of every feature set.' }) };
  static override flags = {
    limit: integer({ description: 'At most so many.', default: 50, min: 1 }),
    after: integer({ description: 'Rows after this ID.', default: 0, min: 0 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesQuarantineList);
    const set = args.set?.replace(/^feature_set\./, '');
    const { rows, counts } = await inEnvironment(this, flags, async (environment) => {
      const { quarantine } = await environment.features();
      const found = await quarantine.held({
        ...(set !== undefined && { set }),
        after: flags.after,
        limit: flags.limit,
      });
      return { rows: found, counts: await quarantine.counts(set) };
    });
    const total = counts.reduce((sum, count) => sum + count.rows, 0);
    this.result(flags, { rows: rows.map(heldView), total }, () =>
      rows.length === 0
        ? 'No rows are kept aside.'
        : [
            table(
              ['ID', 'FEATURE SET', 'ENTITY', 'EVENT TIME (UTC)', 'BY', 'REASONS'],
              rows.map((row) => [
                String(row.id),
                `${row.set}@${row.version}`,
                Object.entries(row.key)
                  .map(([name, value]) => `${name}=${value}`)
                  .join(' '),
                instant(new Date(Number(row.eventTime / 1000n))),
                row.origin,
                row.reasons.join('; '),
              ]),
            ),
            ...(total > rows.length ? [`${rows.length} of ${total} rows`] : []),
          ].join('\n'),
    );
  }
}
