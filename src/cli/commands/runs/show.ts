import { runView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { runText } from '../../run-view.ts';
import { foundRun } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class RunsShow extends BaseCommand {
  static override summary = 'A run with its tasks.';
  static override args = { run: word({ description: 'Id of the run, or the begin of it.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsShow);
    const { run, artifacts } = await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const found = await foundRun(orchestrator, args.run);
      return { run: found, artifacts: await orchestrator.artifacts(found.runId) };
    });
    const files = artifacts.map(({ task, path, bytes }) => `\n${task}/${path}  ${bytes} bytes`).join('');
    this.result(
      flags,
      { ...runView(run), artifacts },
      () => runText(run, this.paint(flags)) + (files === '' ? '' : `\n\nFiles that tasks left:${files}`),
    );
  }
}
