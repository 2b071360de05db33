import { boolean, string } from '@oclif/core/flags';
import type { RunRecord } from '../../compose/views.ts';
import type { OpenEnvironment } from '../../compose.ts';
import { BaseCommand, type GlobalFlags } from '../base-command.ts';
import { followRun, leftAlone, tellResult } from '../follow/following.ts';
import { paramsOf } from '../pipeline-params.ts';
import { EXIT_INTERRUPTED } from '../report.ts';
import { foundRun } from '../runs.ts';
import { inEnvironment } from '../session.ts';
import { word } from '../word.ts';
import { isServed, workHere } from '../work-here.ts';

export default class Run extends BaseCommand {
  static override summary = 'Start a run of a pipeline. Without a daemon it is worked on here until it ends.';
  static override args = { pipeline: word({ description: 'Name of the pipeline.', required: true }) };
  static override flags = {
    param: string({
      char: 'p',
      description: 'NAME=VALUE over the default. May be repeated.',
      multiple: true,
      default: [],
    }),
    'no-cache': boolean({ description: "Take over nothing from runs before, whatever the tasks' cache says." }),
    follow: boolean({ char: 'f', description: 'Draw what happens until it ends; exit with 1 when it fails.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Run);
    await inEnvironment(this, flags, async (environment) => {
      const name = args.pipeline.replace(/^pipeline\./, '');
      const params = await paramsOf(environment, name, flags.param);
      const orchestrator = await environment.orchestrator();
      const run = await orchestrator.submit({
        pipeline: name,
        params,
        noCache: flags['no-cache'],
        cause: { kind: 'manual', who: environment.who, schedule: null, instant: null },
      });
      const served = await isServed(environment, ['worker']);
      if (served && !flags.follow) {
        this.result(
          flags,
          { run_id: run.runId, status: run.status },
          () => `Started ${run.runId}. Watch it: mlops runs follow ${run.runId}`,
        );
        return;
      }
      if (!flags.json) this.note(`run ${run.runId} of ${name}`);
      const stopWork = served ? async () => {} : await workHere(environment);
      try {
        process.exitCode = await this.follow(environment, await foundRun(orchestrator, run.runId), flags, served);
      } finally {
        await stopWork();
      }
    });
  }

  /** Interrupted: the run is cancelled where it is worked on here, and goes on where a daemon has it. */
  private async follow(
    environment: OpenEnvironment,
    run: RunRecord,
    flags: GlobalFlags,
    served: boolean,
  ): Promise<number> {
    const orchestrator = await environment.orchestrator();
    await followRun(this, orchestrator, run, flags);
    if (this.interruption.signal.aborted) {
      if (served) this.note(leftAlone(run.runId));
      else {
        await orchestrator.cancel(run.runId, environment.who);
        this.note(`cancelled ${run.runId}`);
      }
      return EXIT_INTERRUPTED;
    }
    return tellResult(this, orchestrator, run.runId, flags);
  }
}
