-- Notifications, newest first, after a place in that order; every condition that is null is none.
-- Params: $1 scope, $2 status, $3 channel, $4 created_at in microseconds and $5 id of the last seen, $6 limit, $7 id of one.
select notification_id as id, key, channel, kind, subject, run_id as "runId", message, status, attempts, last_error as "lastError",
       created_at as "createdAt", next_at as "nextAt", case when status = 'sent' then ended_at end as "sentAt",
       (extract(epoch from created_at) * 1000000)::bigint::text as position
from mlops.notifications
where scope_id = $1
  and ($2::text is null or status = $2)
  and ($3::text is null or channel = $3)
  and ($4::bigint is null or (created_at, notification_id) < ('epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::uuid))
  and ($7::uuid is null or notification_id = $7)
order by created_at desc, notification_id desc
limit $6
