-- As runs-lock, but passes over runs that somebody changes right now.
-- Params: $1 scope, $2 runs. Rows: those that were free. Locks: those runs until the transaction ends.
select run_id, pipeline, status, params, cause, held, schedule, cancel_requested_at is not null as cancelling, event_seq, open_tasks, plain
from mlops.runs
where run_id = any($2::uuid[]) and scope_id = $1
order by run_id
for update skip locked
