-- Runs, newest first, after a place in that order.
-- Params: $1 scope, $2 pipeline or null, $3 status or null, $4 created_at in microseconds and $5 run id of the last seen, or nulls, $6 limit.
-- Rows: at most $6.
select run_id, pipeline, params, cause, status, cancelled_by, created_at, started_at, finished_at,
       (extract(epoch from created_at) * 1000000)::bigint::text as position
from mlops.runs
where scope_id = $1
  and ($2::text is null or pipeline = mlops.current_pipeline($1, $2))
  and ($3::text is null or status = $3)
  and ($4::bigint is null or (created_at, run_id) < ('epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::uuid))
order by created_at desc, run_id desc
limit $6
