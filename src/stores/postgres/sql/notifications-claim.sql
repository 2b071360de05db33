-- Takes notifications that are due: for the time of the lease they are due to nobody else.
-- Params: $1 scope, $2 limit, $3 lease in milliseconds. Rows: at most $2. Locks: those rows; what others hold is passed over.
with claimed as (
  update mlops.notifications n
  set attempts = n.attempts + 1, next_at = clock_timestamp() + $3 * interval '1 millisecond'
  where n.notification_id in (
    select notification_id from mlops.notifications
    where scope_id = $1 and status = 'pending' and next_at <= clock_timestamp()
    order by next_at limit $2 for update skip locked)
  returning n.*
)
select notification_id as id, channel, kind, subject, run_id as "runId", message, attempts, created_at as "createdAt"
from claimed order by created_at, notification_id
