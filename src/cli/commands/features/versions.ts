import { snakeCaseKeys } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesVersions extends BaseCommand {
  static override summary = 'The versions of a feature set: what they hold, who reads them, and which are retired.';
  static override args = { set: word({ description: 'Name of the feature set.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesVersions);
    const { name, servingVersion, versions } = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).describe(args.set.replace(/^feature_set\./, '')),
    );
    this.result(flags, { name, serving_version: servingVersion, versions: snakeCaseKeys(versions) }, () =>
      [
        table(
          ['VERSION', 'STATUS', 'ROWS', 'WATERMARK (UTC)', 'READ BY'],
          versions.map(({ version, status, rows, watermark, readers, askedBy, keptUntil }) => [
            String(version),
            status,
            String(rows),
            instant(watermark),
            [
              ...(version === servingVersion ? ['whoever names no version'] : []),
              ...readers.map(({ model, modelVersion, as }) => `${model} ${modelVersion} (${as})`),
              ...askedBy.map(({ reader, lastAt }) => `${reader} (asked ${instant(lastAt)})`),
              ...(keptUntil === null ? [] : [`kept until ${instant(keptUntil)}`]),
            ].join(', ') || '-',
          ]),
        ),
        ...versions.flatMap(({ version, retiredAt, retiredWhy }) =>
          retiredAt === null ? [] : [`version ${version} was retired at ${instant(retiredAt)}: ${retiredWhy}`],
        ),
      ].join('\n'),
    );
  }
}
