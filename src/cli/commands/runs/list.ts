import { integer, string } from '@oclif/core/flags';
import { RUN_STATUSES, type RunStatus, runSummaryView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { elapsed, instant, table } from '../../output.ts';
import { breakerText } from '../../pipeline-view.ts';
import { statusColor } from '../../run-view.ts';
import { inEnvironment } from '../../session.ts';

export default class RunsList extends BaseCommand {
  static override summary = 'Runs, newest first.';
  static override flags = {
    pipeline: string({ description: 'Only of this pipeline.' }),
    status: string({ description: 'Only in this state.', options: [...RUN_STATUSES] }),
    limit: integer({ description: 'How many at most.', default: 20, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RunsList);
    const { items, breakers } = await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const page = await orchestrator.list({
        limit: flags.limit,
        pipeline: flags.pipeline,
        status: flags.status as RunStatus | undefined,
      });
      return { ...page, breakers: await orchestrator.breakers() };
    });
    // Why the newest run is not as new as it should be.
    for (const breaker of breakers) {
      if (breaker.state !== 'closed' && (flags.pipeline ?? breaker.pipeline) === breaker.pipeline)
        this.note(`the breaker of ${breaker.pipeline} is ${breakerText(breaker)}`);
    }
    const paint = this.paint(flags);
    this.result(flags, { runs: items.map(runSummaryView) }, () =>
      items.length === 0
        ? 'No runs.'
        : table(
            ['RUN', 'PIPELINE', 'STATUS', 'CAUSE', 'STARTED (UTC)', 'TIME'],
            items.map((run) => [
              run.runId,
              run.pipeline,
              run.status,
              run.cause.kind,
              instant(run.startedAt),
              run.startedAt === null || run.finishedAt === null
                ? '-'
                : elapsed(run.finishedAt.getTime() - run.startedAt.getTime()),
            ]),
            (text, column, row) => (column === 2 && row >= 0 ? statusColor(text.trim(), paint)(text) : text),
          ),
    );
  }
}
