-- Leases on tasks of one run: one row each, under the next attempt number. The caller holds the run's lock.
-- Params: $1 scope, $2 run, $3 worker, $4 node, $5 json array of {ordinal, attempt}, $6 lease in seconds.
-- Rows: the attempts with what is left of their deadlines in milliseconds.
insert into mlops.task_attempts (run_id, ordinal, attempt, scope_id, worker_id, node, cpu, memory_bytes, gpu, lease_until)
select $2, t.ordinal, c.attempt, $1, $3, $4, t.cpu, t.memory_bytes, t.gpu, clock_timestamp() + $6 * interval '1 second'
from json_to_recordset($5) as c(ordinal integer, attempt integer)
join mlops.tasks t on t.run_id = $2 and t.ordinal = c.ordinal
returning ordinal, attempt,
  (select extract(epoch from d.deadline_at - clock_timestamp())::double precision * 1000
     from mlops.tasks d where d.run_id = task_attempts.run_id and d.ordinal = task_attempts.ordinal) as deadline_in_ms
