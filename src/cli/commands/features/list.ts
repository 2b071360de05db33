import { boolean, string } from '@oclif/core/flags';
import { featureSetView, insightView, searchCatalogue } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { freshnessWord } from '../../insight-text.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class FeaturesList extends BaseCommand {
  static override summary = 'Feature sets and what of them is materialized; or the features that nobody reads.';
  static override flags = {
    search: string({ description: 'Only sets in whose name, description, owner, tags or features these words occur.' }),
    tag: string({ description: 'Only sets with this tag: NAME or NAME=VALUE.' }),
    owner: string({ description: 'Only sets of this owner.' }),
    unread: boolean({
      description: 'The features that nobody ever read, with who would by declaration.',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(FeaturesList);
    const { search: text, tag, owner } = flags;
    const { sets, insights } = await inEnvironment(this, flags, async (environment) => {
      const features = await environment.features();
      const found = searchCatalogue(await environment.catalog(), {
        text,
        tag,
        owner,
        kinds: ['feature_set', 'feature'],
      });
      const names = new Set(found.map(({ name }) => name.split('.')[0]));
      const [all, known] = await Promise.all([features.list(), features.insights()]);
      return { sets: all.filter(({ name }) => names.has(name)), insights: known.filter(({ set }) => names.has(set)) };
    });
    if (flags.unread) {
      const unread = insights
        .flatMap((set) => insightView(set).features)
        .filter(({ last_read_at }) => last_read_at === null);
      this.result(flags, { features: unread }, () =>
        unread.length === 0
          ? 'Every feature was read.'
          : table(
              ['FEATURE', 'DECLARED TO BE READ BY'],
              unread.map(({ name, read_by }) => [name, read_by.join(', ') || '-']),
            ),
      );
      return;
    }
    const scores = new Map(
      insights.map(({ set, quality, quarantined, freshness }) => [
        set,
        { score: quality.score, is_fresh: freshness.isFresh, quarantined },
      ]),
    );
    const words = new Map(insights.map((insight) => [insight.set, freshnessWord(insight)]));
    this.result(
      flags,
      { feature_sets: sets.map((set) => ({ ...featureSetView(set), ...scores.get(set.name) })) },
      () =>
        sets.length === 0
          ? text === undefined && tag === undefined && owner === undefined
            ? 'No feature sets are applied.'
            : 'No feature set that is applied fits.'
          : table(
              ['FEATURE SET', 'ENTITY', 'FEATURES', 'SERVING', 'ROWS', 'QUALITY', 'FRESH', 'WATERMARK (UTC)'],
              sets.map((set) => {
                const serving = set.versions.find(({ version }) => version === set.servingVersion);
                const score = scores.get(set.name)?.score ?? null;
                return [
                  set.name,
                  set.entity,
                  String(Object.keys(set.features).length),
                  set.servingVersion === null ? 'not yet' : `version ${set.servingVersion}`,
                  serving === undefined ? '-' : String(serving.rows),
                  score === null ? '-' : String(score),
                  words.get(set.name) ?? '-',
                  instant(serving?.watermark),
                ];
              }),
            ),
    );
  }
}
