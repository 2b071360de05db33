-- Logged predictions, newest first, after a place in that order; every condition that is null is none. Each is logged under
-- the names of its time, and is found by those of now too.
-- Params: $1 scope, $2 endpoint, $3 model, $4 request id, $5 at in microseconds and $6 id of the last seen, $7 limit.
select prediction_id as id, request_id as "requestId", ordinal, endpoint, variant, model, version, entity, features, prediction,
  latency_ms as "latencyMs", at, reads, (extract(epoch from at) * 1000000)::bigint::text as position
from mlops.predictions
where scope_id = $1
  and ($2::text is null or endpoint = any(mlops.names_of($1, 'endpoint', $2)))
  and ($3::text is null or model = any(mlops.names_of($1, 'model', $3)))
  and ($4::text is null or request_id = $4)
  and ($5::bigint is null or (at, prediction_id) < ('epoch'::timestamptz + $5::bigint * interval '1 microsecond', $6::uuid))
order by at desc, prediction_id desc
limit $7
