-- Locks runs and reads what decisions about them need. A holder that freezes inside its transaction is cut off by the server. What
-- follows finds few rows of large tables by their keys: the planner, who does not know how few, must not read whole tables.
-- Params: $1 scope, $2 runs. Rows: those that are there. Locks: those runs, in the order of their numbers, until the transaction ends.
select run_id, pipeline, status, params, cause, held, schedule, cancel_requested_at is not null as cancelling, event_seq, open_tasks, plain,
       set_config('idle_in_transaction_session_timeout', '15s', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_material', 'off', true)
from mlops.runs
where run_id = any($2::uuid[]) and scope_id = $1
order by run_id
for update
