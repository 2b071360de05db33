-- Locks one run and reads what a decision about it needs. A holder that freezes inside its transaction is cut off by the server.
-- Params: $1 scope, $2 run. Rows: one, or none where the run is not there. Locks: the run, until the transaction ends.
select r.run_id, r.pipeline, r.status, r.params, r.cause, r.held, r.schedule,
       r.cancel_requested_at is not null as cancelling,
       set_config('idle_in_transaction_session_timeout', '15s', true) as guarded
from mlops.runs r
where r.run_id = $2 and r.scope_id = $1
for update of r
