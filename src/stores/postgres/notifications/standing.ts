/** How notifications and what is expected of pipelines stand now, in a few numbers. */
import type { ExpectingPipeline, NotificationStanding } from '../../control/notifications.ts';
import type { Database } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

export async function standing(
  db: Database,
  scopeId: number,
  pipelines: readonly ExpectingPipeline[],
  withinMs: number,
): Promise<NotificationStanding> {
  return db.transaction(
    async (tx) => {
      await tx.query(`select set_config('statement_timeout', $1, true)`, [String(Math.ceil(withinMs))]);
      const pending = await tx.query<NotificationStanding['pending'][number] & Record<string, unknown>>(
        `select channel, count(*) as count,
                extract(epoch from clock_timestamp() - min(created_at))::double precision as "oldestSeconds"
         from mlops.notifications where scope_id = $1 and status = 'pending' group by channel order by channel`,
        [scopeId],
      );
      const late = await tx.query<{ name: string }>(sqlFile('pipelines-late'), [scopeId, JSON.stringify(pipelines)]);
      return {
        pending,
        pipelines: pipelines.map(({ name }) => ({ name, late: late.some((one) => one.name === name) })),
      };
    },
    { readOnly: true },
  );
}
