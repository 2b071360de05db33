-- Chunks of a log and how far it is taken then, together or not at all; nothing of a worker that does not hold the lease.
-- Params: $1 run, $2 task, $3 attempt, $4 worker, $5 json array of {seq, stream, text}, $6 json position or null, $7 payload of the hint.
-- Rows: one. Locks: the attempt.
with held as (
  update mlops.task_attempts a set log_position = coalesce($6::json, a.log_position)
  from mlops.tasks t
  where t.run_id = $1 and t.name = $2 and a.run_id = t.run_id and a.ordinal = t.ordinal and a.attempt = $3 and a.worker_id = $4
  returning a.run_id, a.ordinal, a.attempt
), chunks as (
  insert into mlops.task_logs (run_id, ordinal, attempt, seq, stream, text)
  select held.run_id, held.ordinal, held.attempt, c.seq, c.stream, c.text
  from held, json_to_recordset($5) as c(seq integer, stream text, text text)
  on conflict do nothing
)
select pg_notify('mlops_runs', $7)
