import { pipelineStatusView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { table } from '../../output.ts';
import { startsText } from '../../pipeline-view.ts';
import { inEnvironment } from '../../session.ts';

export default class PipelinesList extends BaseCommand {
  static override summary = 'Pipelines that are applied, and what starts them.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(PipelinesList);
    const pipelines = await inEnvironment(this, flags, async (environment) => {
      const { status } = await environment.orchestrator();
      const names = (await environment.catalog()).list('pipeline').map(({ name }) => name);
      return Promise.all(names.sort().map((name) => status(name)));
    });
    this.result(flags, { pipelines: pipelines.map(pipelineStatusView) }, () =>
      pipelines.length === 0
        ? 'No pipelines.'
        : table(
            ['PIPELINE', 'TASKS', 'LAST RUN', 'BREAKER', 'STARTED BY'],
            pipelines.map((one) => [
              one.pipeline,
              String(Object.keys(one.spec.tasks).length),
              one.lastRun?.status ?? '-',
              one.breaker?.state ?? '-',
              startsText(one).join('; ') || 'hand',
            ]),
          ),
    );
  }
}
