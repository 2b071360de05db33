-- Ends attempts that are still held: an attempt that has an end already is not touched, so a late writer changes nothing.
-- Params: $1 run, $2 json array of {task, attempt, status, exit_code, error, cpu_seconds, peak_memory_bytes, wall_seconds}, $3 only where the lease is over.
-- Rows: the attempts ended, with the task as it stands. Locks: those attempts.
update mlops.task_attempts a set status = e.status, exit_code = e.exit_code, error = e.error, ended_at = clock_timestamp(),
  cpu_seconds = e.cpu_seconds, peak_memory_bytes = e.peak_memory_bytes, wall_seconds = e.wall_seconds
from json_to_recordset($2) as e(task text, attempt integer, status text, exit_code integer, error text,
       cpu_seconds double precision, peak_memory_bytes bigint, wall_seconds double precision)
join mlops.tasks t on t.run_id = $1 and t.name = e.task
where a.run_id = $1 and a.ordinal = t.ordinal and a.attempt = e.attempt and a.ended_at is null
  and (not $3 or a.lease_until <= clock_timestamp())
returning a.ordinal, a.attempt, t.name, t.status, t.failures, t.recoveries
