import { featureSetView } from '../../../compose.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class FeaturesList extends BaseCommand {
  static override summary = 'Feature sets and what of them is materialized.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(FeaturesList);
    const sets = await inEnvironment(this, flags, async (environment) => (await environment.features()).list());
    this.result(flags, { feature_sets: sets.map(featureSetView) }, () =>
      sets.length === 0
        ? 'No feature sets are applied.'
        : table(
            ['FEATURE SET', 'ENTITY', 'FEATURES', 'SERVING', 'ROWS', 'WATERMARK (UTC)'],
            sets.map((set) => {
              const serving = set.versions.find(({ version }) => version === set.servingVersion);
              return [
                set.name,
                set.entity,
                String(Object.keys(set.features).length),
                set.servingVersion === null ? 'not yet' : `version ${set.servingVersion}`,
                serving === undefined ? '-' : String(serving.rows),
                instant(serving?.watermark),
              ];
            }),
          ),
    );
  }
}
