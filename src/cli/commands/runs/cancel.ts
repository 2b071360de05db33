import { runView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { foundRun } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class RunsCancel extends BaseCommand {
  static override summary = 'Cancel a run: nothing of it starts any more, what runs is ended.';
  static override args = { run: word({ description: 'Id of the run, or the begin of it.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsCancel);
    const run = await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      return orchestrator.cancel((await foundRun(orchestrator, args.run)).runId, environment.who);
    });
    this.result(flags, runView(run), () => `${run.runId} is ${run.status}.`);
  }
}
