import { boolean, integer } from '@oclif/core/flags';
import { hasFilter, logLineView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { lineFilterOf, lineFlags, linePainter, tailFlag } from '../../log-lines.ts';
import { foundRun } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class RunsLogs extends BaseCommand {
  static override summary =
    'What the tasks of a run wrote: all of it, or the lines of a level, with a text, of the last while.';
  static override args = {
    run: word({ description: 'Id of the run, or the begin of it.', required: true }),
    task: word({ description: 'One task. Default: all, in order.' }),
  };
  static override flags = {
    attempt: integer({ description: 'Default: the last.', min: 1 }),
    follow: boolean({ char: 'f', description: 'Go on until it ends.' }),
    ...lineFlags,
    tail: tailFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsLogs);
    const { signal } = this.interruption;
    const filter = { ...lineFilterOf(flags), tail: flags.tail };
    const asked = filter.tail !== undefined || hasFilter(filter);
    const paint = linePainter(this.paint(flags));
    await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const run = await foundRun(orchestrator, args.run);
      const tasks =
        args.task === undefined
          ? run.tasks.filter(({ attempt }) => attempt > 0 || flags.follow).map(({ name }) => name)
          : [args.task];
      for (const task of tasks) {
        const options = { attempt: flags.attempt, follow: flags.follow, signal };
        // Of a run's tasks only those are named that have something to show.
        let named = tasks.length === 1 || flags.json;
        const name = (): void => {
          if (!named) this.note(this.paint(flags).bold(`── ${task}`));
          named = true;
        };
        if (!asked) {
          name();
          for await (const text of orchestrator.logs(run.runId, task, options)) {
            if (flags.json) this.event({ task, text });
            else process.stdout.write(text);
          }
          continue;
        }
        for await (const line of orchestrator.logLines(run.runId, task, { ...options, ...filter })) {
          name();
          if (flags.json) this.event(logLineView({ ...line, task }));
          else process.stdout.write(`${paint(line)}\n`);
        }
      }
    });
  }
}
