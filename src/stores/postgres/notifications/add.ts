/** Writes notifications to the outbox, also within a transaction that does more. */
import type { NewNotification } from '../../control/notifications.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

/** Answers how many were new. */
export async function addNotifications(
  db: Queryable,
  scopeId: number,
  notifications: readonly NewNotification[],
): Promise<number> {
  if (notifications.length === 0) return 0;
  return (await db.query(sqlFile('notifications-add'), [scopeId, JSON.stringify(notifications)])).length;
}
