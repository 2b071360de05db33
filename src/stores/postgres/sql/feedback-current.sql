-- What the predictions of an endpoint turned out to be, without what was corrected, page by page.
-- Params: $1 scope, $2 endpoint, $3 id of the last seen, $4 limit.
select f.feedback_id as "feedbackId", f.request_id as "requestId", f.ordinal, f.outcome, f.at, f.recorded_at as "recordedAt"
from mlops.feedback f
where f.scope_id = $1 and f.endpoint = any(mlops.names_of($1, 'endpoint', $2)) and f.feedback_id > $3
  and not exists (
    select from mlops.feedback later
    where later.scope_id = $1 and later.request_hash = f.request_hash and later.ordinal = f.ordinal
      and later.request_id = f.request_id and later.endpoint = f.endpoint and later.feedback_id > f.feedback_id
  )
order by f.feedback_id
limit $4
