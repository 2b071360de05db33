import { featureSetView } from '../../../compose.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesShow extends BaseCommand {
  static override summary = 'One feature set: its features, its versions.';
  static override args = { set: word({ description: 'Name of the feature set.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesShow);
    const set = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).describe(args.set.replace(/^feature_set\./, '')),
    );
    this.result(flags, featureSetView(set), () =>
      [
        `${set.name}${set.description === null ? '' : `: ${set.description}`}`,
        `entity ${set.entity} (${Object.entries(set.keys)
          .map(([name, type]) => `${name} ${type}`)
          .join(
            ', ',
          )})${set.ttl === null ? '' : `, ttl ${set.ttl}`}${set.owner === null ? '' : `, owner ${set.owner}`}`,
        '',
        table(
          ['FEATURE', 'DTYPE', 'UNIT', 'FROM'],
          Object.entries(set.features).map(([name, feature]) => [
            name,
            feature.dtype,
            feature.unit ?? '-',
            feature.expr === undefined ? (feature.column ?? name) : `= ${feature.expr}`,
          ]),
        ),
        '',
        table(
          ['VERSION', 'STATUS', 'ROWS', 'WATERMARK (UTC)', 'SERVING SINCE (UTC)'],
          set.versions.map(({ version, status, rows, watermark, servingSince }) => [
            String(version),
            status,
            String(rows),
            instant(watermark),
            instant(servingSince),
          ]),
        ),
      ].join('\n'),
    );
  }
}
