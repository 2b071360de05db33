import { integer, string } from '@oclif/core/flags';
import { parseFilter, parseOrder, STAGES, type Stage, versionView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { metricsText } from '../../models.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

const SHOWN = ['auc', 'accuracy', 'rmse', 'mae'];

export default class ModelsList extends BaseCommand {
  static override summary = 'Versions of models, newest first; or those that meet conditions, in an order.';
  static override args = { model: word({ description: 'Only of this model.' }) };
  static override flags = {
    filter: string({
      description: "Conditions joined by and, e.g. tags.team = 'liver' and metrics.auc >= 0.8.",
    }),
    sort: string({ description: 'E.g. "metrics.auc desc, version". Default: the last registered first.' }),
    stage: string({ description: 'Only at this stage.', options: [...STAGES] }),
    limit: integer({ description: 'How many at most.', default: 50, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsList);
    const { items } = await inEnvironment(this, flags, async (environment) =>
      (await environment.registry()).search({
        ...parseFilter(flags.filter ?? ''),
        order: parseOrder(flags.sort ?? ''),
        limit: flags.limit,
        ...(args.model !== undefined && { name: args.model.replace(/^model\./, '') }),
        ...(flags.stage !== undefined && { stage: flags.stage as Stage }),
      }),
    );
    this.result(flags, { versions: items.map(versionView) }, () =>
      items.length === 0
        ? 'No versions are registered.'
        : table(
            ['MODEL', 'VERSION', 'STAGE', 'ALIASES', 'METRICS', 'REGISTERED (UTC)', 'BY'],
            items.map((version) => [
              version.name,
              String(version.version),
              version.stage,
              version.aliases.join(', ') || '-',
              metricsText(version.metrics, SHOWN),
              instant(version.createdAt),
              version.createdBy,
            ]),
          ),
    );
  }
}
