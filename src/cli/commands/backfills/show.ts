import { backfillRecordView } from '../../../compose/views.ts';
import { backfillText } from '../../backfill-view.ts';
import { BaseCommand } from '../../base-command.ts';
import { foundBackfill } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class BackfillsShow extends BaseCommand {
  static override summary = 'A backfill with what became of each instant.';
  static override args = {
    backfill: word({ description: 'Id of the backfill, the begin of it, or `last`.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BackfillsShow);
    const backfill = await inEnvironment(this, flags, async (environment) =>
      foundBackfill(await environment.orchestrator(), args.backfill),
    );
    this.result(flags, backfillRecordView(backfill), () => backfillText(backfill));
  }
}
