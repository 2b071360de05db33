/** Notifications in Postgres: the outbox here, what feeds it in notifications/. */
import { MlopsError } from '../../lib/error.ts';
import type { DueNotification, NotificationRecord, NotificationStore, Outcome } from '../control/notifications.ts';
import type { Database } from './database.ts';
import { addNotifications } from './notifications/add.ts';
import { instantOutcomes, judged, judgedUntil, overdueRuns, recordState } from './notifications/expectations.ts';
import { takeRunEnds } from './notifications/run-ends.ts';
import { standing } from './notifications/standing.ts';
import { sqlFile } from './sql-file.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const CURSOR = /^(\d{1,18})_([0-9a-f-]{36})$/;

export function createPostgresNotifications(db: Database, scopeId: number): NotificationStore {
  type Row = NotificationRecord & { readonly position: string };

  async function get(id: string): Promise<NotificationRecord | undefined> {
    if (!UUID.test(id)) return undefined;
    const [row] = await db.query<Row>(sqlFile('notifications-list'), [scopeId, null, null, null, null, 1, id]);
    return row === undefined ? undefined : recordOf(row);
  }

  async function nextDueMs(): Promise<number | null> {
    const [next] = await db.prepared<{ ms: number | null }>(
      'notifications-next-due',
      `select extract(epoch from min(next_at) - clock_timestamp()) * 1000 as ms
       from mlops.notifications where scope_id = $1 and status = 'pending'`,
      [scopeId],
    );
    return next?.ms == null ? null : Math.max(0, Number(next.ms));
  }

  return {
    add: (notifications) => addNotifications(db, scopeId, notifications),
    claim: async (limit, leaseMs) => {
      // Most looks find nothing that is due: they write nothing.
      const before = await nextDueMs();
      if (before === null || before > 0) return { due: [], nextDueMs: before };
      const due = await db.query<DueNotification>(sqlFile('notifications-claim'), [scopeId, limit, leaseMs]);
      return { due, nextDueMs: await nextDueMs() };
    },
    settle: async (id, attempts, outcome) => {
      await db.query(
        `update mlops.notifications set status = $4, last_error = $5,
           next_at = case when $4 = 'pending' then clock_timestamp() + $6 * interval '1 millisecond' end,
           ended_at = case when $4 <> 'pending' then clock_timestamp() end
         where scope_id = $1 and notification_id = $2 and attempts = $3 and status = 'pending'`,
        [scopeId, id, attempts, outcome.status, errorOf(outcome), outcome.status === 'pending' ? outcome.retryInMs : 0],
      );
    },
    get,
    list: async ({ status = null, channel = null, limit, cursor }) => {
      const [, at = null, id = null] = cursor === undefined ? [] : (CURSOR.exec(cursor) ?? refuseCursor(cursor));
      const rows = await db.query<Row>(sqlFile('notifications-list'), [
        scopeId,
        status,
        channel,
        at,
        id,
        limit + 1,
        null,
      ]);
      const items = rows.slice(0, limit);
      const last = items.at(-1);
      return {
        items: items.map(recordOf),
        nextCursor: rows.length > limit && last !== undefined ? `${last.position}_${last.id}` : null,
      };
    },
    revive: async (which) => {
      if ('id' in which && !UUID.test(which.id)) return 0;
      const rows = await db.query(
        `update mlops.notifications set status = 'pending', attempts = 0, next_at = clock_timestamp(), ended_at = null
         where scope_id = $1 and status = 'dead' and ($2::uuid is null or notification_id = $2) and ($3::text is null or channel = $3)
         returning 1`,
        [scopeId, 'id' in which ? which.id : null, 'channel' in which ? which.channel : null],
      );
      return rows.length;
    },
    counts: () =>
      db.query(
        'select channel, status, count(*) as count from mlops.notifications where scope_id = $1 group by 1, 2 order by 1, 2',
        [scopeId],
      ),
    standing: (pipelines, withinMs) => standing(db, scopeId, pipelines, withinMs),
    prune: async (olderThanMs) => {
      // What nobody exports does not pile up.
      await db.query(
        `delete from mlops.run_moves where scope_id = $1 and consumer = 'telemetry' and at < clock_timestamp() - interval '1 hour'`,
        [scopeId],
      );
      const rows = await db.query(
        `delete from mlops.notifications
         where scope_id = $1 and ended_at < clock_timestamp() - $2 * interval '1 millisecond' returning 1`,
        [scopeId, olderThanMs],
      );
      return rows.length;
    },
    takeRunEnds: (limit, decide) => takeRunEnds(db, scopeId, limit, decide),
    judgedUntil: (schedule, digest) => judgedUntil(db, scopeId, schedule, digest),
    judged: (schedule, until) => judged(db, scopeId, schedule, until),
    instantOutcomes: (schedule, instants) => instantOutcomes(db, scopeId, schedule, instants),
    overdueRuns: (limit) => overdueRuns(db, scopeId, limit),
    recordState: (subject, state) => recordState(db, scopeId, subject, state),
  };
}

const errorOf = (outcome: Outcome): string | null => (outcome.status === 'sent' ? null : outcome.error);

const recordOf = ({ position: _, ...record }: NotificationRecord & { readonly position: string }): NotificationRecord =>
  record;

function refuseCursor(cursor: string): never {
  throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
}
