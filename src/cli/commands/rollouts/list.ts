import { integer, string } from '@oclif/core/flags';
import { ROLLOUT_STATUSES, type RolloutStatus, rolloutView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { standsText } from '../../rollout-view.ts';
import { inEnvironment } from '../../session.ts';

export default class RolloutsList extends BaseCommand {
  static override summary = 'Rollouts, newest first.';
  static override flags = {
    endpoint: string({ description: 'Only of this endpoint.' }),
    status: string({ description: 'Only these.', options: [...ROLLOUT_STATUSES] }),
    limit: integer({ description: 'How many at most.', default: 50, min: 1, max: 1000 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RolloutsList);
    const { items } = await inEnvironment(this, flags, async (environment) =>
      (await environment.rollouts()).list({
        endpoint: flags.endpoint,
        status: flags.status as RolloutStatus | undefined,
        limit: flags.limit,
      }),
    );
    this.result(flags, { rollouts: items.map(rolloutView) }, () =>
      items.length === 0
        ? 'No rollouts.'
        : table(
            ['BEGAN (UTC)', 'ENDPOINT', 'CANDIDATE', 'MODEL', 'VERSION', 'STATUS', 'STANDS', 'WHY'],
            items.map((one) => [
              instant(one.startedAt),
              one.endpoint,
              one.candidate,
              one.model,
              String(one.version),
              one.status.replace('_', ' '),
              standsText(one),
              one.reason,
            ]),
          ),
    );
  }
}
