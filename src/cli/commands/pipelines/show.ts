import { pipelineStatusView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { pipelineText } from '../../pipeline-view.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class PipelinesShow extends BaseCommand {
  static override summary = 'A pipeline: what starts it, what it watches, and the events that came last.';
  static override args = { pipeline: word({ description: 'Name of the pipeline.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelinesShow);
    const status = await inEnvironment(this, flags, async (environment) =>
      (await environment.orchestrator()).status(args.pipeline.replace(/^pipeline\./, '')),
    );
    this.result(flags, pipelineStatusView(status), () => pipelineText(status));
  }
}
