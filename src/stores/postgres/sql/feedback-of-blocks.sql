-- What the predictions of some blocks turned out to be, as it was told last.
-- Params: $1 scope, $2 ids of blocks.
select distinct on (request_hash, request_id, ordinal) request_id as "requestId", ordinal, outcome
from mlops.feedback
where scope_id = $1
  and request_hash in (select unnest(requests) from mlops.prediction_blocks where block_id = any($2::uuid[]))
order by request_hash, request_id, ordinal, feedback_id desc
