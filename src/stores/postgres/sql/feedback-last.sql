-- What rows of requests turned out to be, as it was told last by a time.
-- Params: $1 scope, $2 endpoint, $3 request ids and $4 ordinals, pair by pair; $5 recorded by then (null: by now).
select distinct on (f.request_hash, f.request_id, f.ordinal) f.request_id as "requestId", f.ordinal, f.outcome, f.at,
  f.recorded_at as "recordedAt", f.recorded_by as "recordedBy"
from unnest($3::text[], $4::integer[]) as asked (request_id, ordinal)
join mlops.feedback f on f.request_hash = hashtextextended(asked.request_id, $1) and f.ordinal = asked.ordinal and f.request_id = asked.request_id
where f.scope_id = $1
  and f.endpoint = any(mlops.names_of($1, 'endpoint', $2))
  and ($5::timestamptz is null or f.recorded_at <= $5)
order by f.request_hash, f.request_id, f.ordinal, f.feedback_id desc
