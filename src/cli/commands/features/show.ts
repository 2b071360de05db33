import { featureSetView, insightView } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { BaseCommand } from '../../base-command.ts';
import { featureText, insightText } from '../../insight-text.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesShow extends BaseCommand {
  static override summary =
    'A feature set: its features, versions, quality, freshness and readers; or one feature with its lineage both ways.';
  static override args = { set: word({ description: 'A feature set, or set.feature.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesShow);
    const [name = '', feature] = args.set.replace(/^feature_set\./, '').split('.');
    const { set, insight } = await inEnvironment(this, flags, async (environment) => {
      const features = await environment.features();
      const [described, found] = await Promise.all([features.describe(name), features.insights(name)]);
      return { set: described, insight: found[0] };
    });
    if (insight === undefined) return;
    const known = insightView(insight);
    if (feature !== undefined) {
      const spec = Object.hasOwn(set.features, feature) ? set.features[feature] : undefined;
      const one = known.features.find((each) => each.name === `${set.name}.${feature}`);
      if (spec === undefined || one === undefined)
        throw new MlopsError('FS201', {
          detail: `The feature set ${set.name} has no feature ${feature}.`,
          hint: didYouMean(feature, Object.keys(set.features)),
        });
      this.result(flags, { ...one, ...spec, feature_set: set.name, owner: set.owner }, () =>
        featureText(spec, one, set.owner),
      );
      return;
    }
    this.result(flags, { ...featureSetView(set), quality: known }, () =>
      [
        `${set.name}${set.description === null ? '' : `: ${set.description}`}`,
        `entity ${set.entity} (${Object.entries(set.keys)
          .map(([key, type]) => `${key} ${type}`)
          .join(
            ', ',
          )})${set.ttl === null ? '' : `, ttl ${set.ttl}`}${set.owner === null ? '' : `, owner ${set.owner}`}`,
        '',
        table(
          ['FEATURE', 'DTYPE', 'UNIT', 'FROM', 'QUALITY', 'LAST READ (UTC)'],
          Object.entries(set.features).map(([each, spec]) => [
            each,
            spec.dtype,
            spec.unit ?? '-',
            spec.expr === undefined ? (spec.column ?? each) : `= ${spec.expr}`,
            String(insight.quality.features[each]?.score ?? '-'),
            instant(insight.features.find((found) => found.name === each)?.lastReadAt ?? null).replace(/^-$/, 'never'),
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
        '',
        insightText(insight),
      ].join('\n'),
    );
  }
}
