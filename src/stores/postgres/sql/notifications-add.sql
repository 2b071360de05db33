-- Writes notifications once a key and channel.
-- Params: $1 scope, $2 json array of {key, channel, kind, subject, runId, message}. Rows: one for each that is new. Locks: none.
-- Each is a microsecond younger than the one before it: they are sent in that order.
insert into mlops.notifications (scope_id, key, channel, kind, subject, run_id, message, created_at)
select $1, n.key, n.channel, n.kind, n.subject, n."runId", n.message,
       statement_timestamp() + (row_number() over ()) * interval '1 microsecond'
from json_to_recordset($2) as n(key text, channel text, kind text, subject text, "runId" uuid, message json)
on conflict (scope_id, channel, key) do nothing
returning notification_id
