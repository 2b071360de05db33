-- Runs that were made long ago, the oldest first, after a place in that order.
-- Params: $1 scope, $2 created_at and $3 id of the last seen, $4 age in milliseconds, $5 limit. Rows: at most $5. Locks: none.
select run_id as "runId", created_at::text as "createdAt", finished_at is not null as ended
from mlops.runs
where scope_id = $1 and (created_at, run_id) > ($2::timestamptz, $3::uuid)
  and created_at < clock_timestamp() - $4 * interval '1 millisecond'
order by created_at, run_id
limit $5
