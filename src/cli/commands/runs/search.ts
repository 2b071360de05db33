import { integer, string } from '@oclif/core/flags';
import { logSearchView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { lineFilterOf, lineFlags, linePainter } from '../../log-lines.ts';
import { instant } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class RunsSearch extends BaseCommand {
  static override summary = "Look for lines in the logs of a pipeline's runs, the newest run first, for a few seconds.";
  static override args = { pipeline: word({ description: 'Name of the pipeline.', required: true }) };
  static override flags = {
    ...lineFlags,
    limit: integer({
      description: 'Lines at most; a run that was begun is finished.',
      default: 100,
      min: 1,
      max: 1000,
    }),
    cursor: string({ description: 'Go on where a search before ended.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsSearch);
    const found = await inEnvironment(this, flags, async (environment) =>
      (await environment.orchestrator()).searchLogs({
        pipeline: args.pipeline.replace(/^pipeline\./, ''),
        ...lineFilterOf(flags),
        limit: flags.limit,
        cursor: flags.cursor,
        signal: this.interruption.signal,
      }),
    );
    const colors = this.paint(flags);
    const paint = linePainter(colors);
    this.result(flags, logSearchView(found), () =>
      [
        ...found.items.map(
          (line) => `${colors.dim(`${line.runId.slice(0, 8)} ${line.task} ${instant(line.at)}`)}  ${paint(line)}`,
        ),
        `${found.items.length} ${found.items.length === 1 ? 'line' : 'lines'} in ${found.searchedRuns} ${found.searchedRuns === 1 ? 'run' : 'runs'}.`,
        ...(found.skippedRuns.length === 0
          ? []
          : [
              `Too large to be searched in time: ${found.skippedRuns.join(', ')}; mlops runs logs RUN --grep reads one.`,
            ]),
        ...(found.nextCursor === null ? [] : [`Older runs: --cursor ${found.nextCursor}`]),
      ].join('\n'),
    );
  }
}
