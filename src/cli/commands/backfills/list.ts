import { integer, string } from '@oclif/core/flags';
import { backfillView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class BackfillsList extends BaseCommand {
  static override summary = 'Backfills, newest first.';
  static override flags = {
    pipeline: string({ description: 'Only of this pipeline.' }),
    limit: integer({ description: 'How many at most.', default: 20, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(BackfillsList);
    const { items } = await inEnvironment(this, flags, async (environment) =>
      (await environment.orchestrator()).backfills.list({ limit: flags.limit, pipeline: flags.pipeline }),
    );
    this.result(flags, { backfills: items.map(backfillView) }, () =>
      items.length === 0
        ? 'No backfills.'
        : table(
            ['BACKFILL', 'PIPELINE', 'STATUS', 'FROM (UTC)', 'TO (UTC)', 'PENDING', 'RUNNING', 'DONE', 'FAILED'],
            items.map(({ counts, ...one }) => [
              one.backfillId,
              one.pipeline,
              one.status,
              instant(one.from),
              instant(one.to),
              ...[counts.pending, counts.running, counts.succeeded + counts.skipped, counts.failed].map(String),
            ]),
          ),
    );
  }
}
