import { backfillRecordView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { foundBackfill } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class BackfillsCancel extends BaseCommand {
  static override summary = 'Cancel a backfill: no run of it starts any more, those under way are cancelled.';
  static override args = {
    backfill: word({ description: 'Id of the backfill, the begin of it, or `last`.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(BackfillsCancel);
    const backfill = await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const { backfillId } = await foundBackfill(orchestrator, args.backfill);
      return orchestrator.backfills.cancel(backfillId, environment.who);
    });
    this.result(flags, backfillRecordView(backfill), () => `${backfill.backfillId} ${backfill.status}`);
  }
}
