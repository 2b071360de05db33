import { integer, string } from '@oclif/core/flags';
import { experimentRow } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class ExperimentsList extends BaseCommand {
  static override summary = 'Experiments, newest first: what pipelines trained, and what MLflow clients track.';
  static override flags = {
    filter: string({ description: "Conditions joined by and, e.g. name LIKE 'churn%'.", default: '' }),
    limit: integer({ description: 'How many at most.', default: 50, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ExperimentsList);
    const rows = await inEnvironment(this, flags, async (environment) => {
      const { store, searchExperiments } = await environment.tracking();
      const { items } = await searchExperiments({
        filter: flags.filter,
        order: [],
        offset: 0,
        limit: flags.limit,
        view: 'active',
      });
      const runs = await store.countRuns(items.map(({ id }) => id));
      return items.map((experiment) => experimentRow(experiment, runs.get(experiment.id) ?? 0));
    });
    this.result(flags, { experiments: rows }, () =>
      rows.length === 0
        ? 'No experiments.'
        : table(
            ['ID', 'EXPERIMENT', 'RUNS', 'CREATED (UTC)'],
            rows.map(({ id, name, runs, created_at }) => [id, name, String(runs), instant(created_at)]),
          ),
    );
  }
}
