import { integer, string } from '@oclif/core/flags';
import { trackedRunRow } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { experimentOf, valueText } from '../../experiments.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

const METRICS_SHOWN = 4;

export default class ExperimentsShow extends BaseCommand {
  static override summary = 'Runs of an experiment, newest first, with what they measured.';
  static override args = { experiment: word({ description: 'Its name or its id.', required: true }) };
  static override flags = {
    filter: string({
      description: "Conditions joined by and, e.g. metrics.auc > 0.9 and params.depth = '3'.",
      default: '',
    }),
    order: string({ description: 'What to order by, e.g. metrics.auc DESC.' }),
    limit: integer({ description: 'How many at most.', default: 20, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ExperimentsShow);
    const runs = await inEnvironment(this, flags, async (environment) => {
      const tracking = await environment.tracking();
      const { id } = await experimentOf(tracking, args.experiment);
      const { items } = await tracking.searchRuns({
        experimentIds: [id],
        filter: flags.filter,
        order: flags.order === undefined ? [] : [flags.order],
        offset: 0,
        limit: flags.limit,
        view: 'active',
      });
      return items.map(trackedRunRow);
    });
    this.result(flags, { runs }, () => {
      if (runs.length === 0) return 'No runs.';
      const metrics = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))].slice(0, METRICS_SHOWN);
      return table(
        ['RUN', 'NAME', 'STATUS', 'STARTED (UTC)', ...metrics.map((name) => name.toUpperCase())],
        runs.map((run) => [
          run.id,
          run.name,
          run.status,
          instant(run.started_at),
          ...metrics.map((name) => valueText(run.metrics[name])),
        ]),
      );
    });
  }
}
