import { pipelineStatusView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { breakerText } from '../../pipeline-view.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class PipelinesReset extends BaseCommand {
  static override summary = "Close a pipeline's breaker and begin to count its failures anew.";
  static override args = { pipeline: word({ description: 'Name of the pipeline.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelinesReset);
    const status = await inEnvironment(this, flags, async (environment) =>
      (await environment.orchestrator()).resetBreaker(args.pipeline.replace(/^pipeline\./, ''), environment.who),
    );
    this.result(flags, pipelineStatusView(status), () =>
      status.breaker === null
        ? `${status.pipeline} has no breaker.`
        : `${status.pipeline}: ${breakerText(status.breaker)}`,
    );
  }
}
