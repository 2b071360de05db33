import { boolean, integer } from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.ts';
import { foundRun } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class RunsLogs extends BaseCommand {
  static override summary = 'What the tasks of a run wrote.';
  static override args = {
    run: word({ description: 'Id of the run, or the begin of it.', required: true }),
    task: word({ description: 'One task. Default: all, in order.' }),
  };
  static override flags = {
    attempt: integer({ description: 'Default: the last.', min: 1 }),
    follow: boolean({ char: 'f', description: 'Go on until it ends.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsLogs);
    const { signal } = this.interruption;
    await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const run = await foundRun(orchestrator, args.run);
      const tasks =
        args.task === undefined
          ? run.tasks.filter(({ attempt }) => attempt > 0 || flags.follow).map(({ name }) => name)
          : [args.task];
      for (const task of tasks) {
        if (tasks.length > 1 && !flags.json) this.note(this.paint(flags).bold(`── ${task}`));
        for await (const text of orchestrator.logs(run.runId, task, {
          attempt: flags.attempt,
          follow: flags.follow,
          signal,
        })) {
          if (flags.json) this.event({ task, text });
          else process.stdout.write(text);
        }
      }
    });
  }
}
