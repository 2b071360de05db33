-- The first tasks of each run that failed by themselves.
-- Params: $1 runs, $2 how many of each. Rows: at most $2 a run, with the number of all. Locks: none.
select "runId", task, status, error, total
from (
  select run_id as "runId", name as task, status, error, ordinal,
         row_number() over (partition by run_id order by finished_at, ordinal) as place,
         count(*) over (partition by run_id) as total
  from mlops.tasks
  where run_id = any($1) and status in ('failed', 'timed_out', 'crashed')
) as problems
where place <= $2
order by "runId", place
