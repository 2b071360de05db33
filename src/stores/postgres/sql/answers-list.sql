-- Kept answers, newest first, after a place in that order; a condition that is null is none.
-- Params: $1 scope, $2 since, $3 at and $4 id of the last seen, $5 limit.
select answer_id as id, reader, entity, reads, latency_ms as "latencyMs", at
from mlops.online_answers
where scope_id = $1
  and ($2::timestamptz is null or at >= $2)
  and ($3::timestamptz is null or (at, answer_id) < ($3, $4::uuid))
order by at desc, answer_id desc
limit $5
