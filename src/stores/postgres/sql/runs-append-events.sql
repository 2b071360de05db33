-- Writes events of runs under the numbers given. The caller holds the runs' locks, so events have the order of their commits.
-- Params, one element an event: $1 runs, $2 numbers, $3 tasks, $4 states, $5 attempts, $6 errors, $7 data. Rows: none.
insert into mlops.run_events (run_id, seq, task, status, attempt, error, data)
select e.run_id, e.seq, e.task, e.status, e.attempt, e.error, coalesce(e.data::json, '{}')
from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::text[])
  as e(run_id, seq, task, status, attempt, error, data)
