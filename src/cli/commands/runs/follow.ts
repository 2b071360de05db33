import { BaseCommand } from '../../base-command.ts';
import { followRun, leftAlone, tellResult } from '../../follow/following.ts';
import { EXIT_INTERRUPTED } from '../../report.ts';
import { foundRun } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';
import { isServed } from '../../work-here.ts';

export default class RunsFollow extends BaseCommand {
  static override summary =
    'Draw what happens in a run until it ends; exit with 1 when it fails. Ctrl-C leaves it to itself.';
  static override args = { run: word({ description: 'Id of the run, the begin of it, or last.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsFollow);
    await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const run = await foundRun(orchestrator, args.run);
      if (!flags.json) {
        this.note(`run ${run.runId} of ${run.pipeline}`);
        if (run.finishedAt === null && !(await isServed(environment, ['worker'])))
          this.note('no daemon on this machine works on it: mlops daemon');
      }
      await followRun(this, orchestrator, run, flags);
      if (this.interruption.signal.aborted) {
        this.note(leftAlone(run.runId));
        process.exitCode = EXIT_INTERRUPTED;
      } else process.exitCode = await tellResult(this, orchestrator, run.runId, flags);
    });
  }
}
