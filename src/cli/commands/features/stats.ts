import { boolean, integer, string } from '@oclif/core/flags';
import { type ColumnProfile, statisticsView, timeMicros } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant } from '../../output.ts';
import { widthOf } from '../../report.ts';
import { inEnvironment } from '../../session.ts';
import { columnText, showsUnicode } from '../../stats-chart.ts';
import { word } from '../../word.ts';

interface Shown {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnProfile>>;
  readonly computedAt: Date;
}

export default class FeaturesStats extends BaseCommand {
  static override summary = 'Statistics of a feature set or a training set, with a small chart of each feature.';
  static override args = { set: word({ description: 'A feature set, or set.feature.' }) };
  static override flags = {
    version: integer({ description: 'Version of the set. Default: the newest that serves.', min: 1 }),
    feature: string({ description: 'Only this feature. May be repeated.', multiple: true }),
    batch: boolean({ description: 'Of what the last materialization brought, not of all rows.', default: false }),
    compare: boolean({
      description: 'Beside the statistics before: of the last batch, or of all rows then.',
      default: false,
    }),
    from: string({ description: 'Of the rows from this event time on, computed now.' }),
    to: string({ description: 'Of the rows before this event time, computed now.' }),
    refresh: boolean({ description: 'Compute those of all rows again, if rows came since.', default: false }),
    dataset: string({ description: 'Of a training set, by its digest; instead of a feature set.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesStats);
    const asked = args.set?.replace(/^feature_set\./, '');
    if ((asked === undefined) === (flags.dataset === undefined))
      throw new MlopsError('CL101', {
        detail: 'Statistics are of a feature set or, with --dataset, of a training set.',
        hint: 'mlops features stats SET',
      });
    const dot = asked?.indexOf('.') ?? -1;
    const set = dot < 0 ? asked : asked?.slice(0, dot);
    const features = [...(flags.feature ?? []), ...(dot < 0 ? [] : [asked?.slice(dot + 1) ?? ''])];
    const window = { from: timeMicros(flags.from, '--from'), until: timeMicros(flags.to, '--to') };
    const isWindow = window.from !== null || window.until !== null;
    const found = await inEnvironment(this, flags, async (environment) => {
      const store = await environment.features();
      if (flags.dataset !== undefined) return [await store.datasetStatistics(flags.dataset)];
      return store.statistics(
        set ?? '',
        {
          kind: flags.batch ? 'batch' : 'version',
          version: flags.version,
          limit: flags.compare ? 2 : 1,
          afresh: flags.refresh,
          ...(isWindow && { window }),
        },
        { signal: this.interruption.signal, log: (line) => this.note(`  ${line}`) },
      );
    });
    const [now, before] = found;
    if (now === undefined) return;
    for (const feature of features) {
      if (Object.hasOwn(now.columns, feature)) continue;
      throw new MlopsError('FS201', {
        detail: `The statistics have no feature ${feature}.`,
        hint: didYouMean(feature, Object.keys(now.columns)),
      });
    }
    const names = features.length === 0 ? Object.keys(now.columns) : features;
    const only = <T extends Shown>(shown: T): T => ({
      ...shown,
      columns: Object.fromEntries(names.flatMap((name) => (shown.columns[name] ? [[name, shown.columns[name]]] : []))),
    });
    this.result(
      flags,
      {
        ...statisticsView(only(now)),
        ...(flags.compare && { before: before === undefined ? null : statisticsView(only(before)) }),
      },
      () => {
        const width = widthOf(process.stdout);
        const unicode = showsUnicode(process.env);
        const title = 'digest' in now ? `training set ${now.digest.slice(0, 12)}` : titleOf(now);
        return [
          `${title}: ${now.rows} ${now.rows === 1 ? 'row' : 'rows'}, computed ${instant(now.computedAt)}`,
          ...(flags.compare
            ? [
                before === undefined
                  ? 'nothing before to compare with'
                  : `before: ${before.rows} rows, ${instant(before.computedAt)}`,
              ]
            : []),
          ...names.flatMap((name) => {
            const column = now.columns[name];
            return column === undefined
              ? []
              : ['', columnText(name, column, flags.compare ? before?.columns[name] : undefined, { width, unicode })];
          }),
        ].join('\n');
      },
    );
  }
}

function titleOf({
  set,
  version,
  kind,
  entities,
}: {
  readonly set: string;
  readonly version: number;
  readonly kind: string;
  readonly entities: number | null;
}): string {
  const what = kind === 'batch' ? ', last batch' : kind === 'window' ? ', between these event times' : '';
  return `${set} version ${version}${what}${entities === null ? '' : `, ${entities} ${entities === 1 ? 'entity' : 'entities'}`}`;
}
