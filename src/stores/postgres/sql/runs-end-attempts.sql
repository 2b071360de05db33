-- Ends attempts that are still held, and moves their tasks: an attempt that has an end already is not touched, so a late writer
-- changes nothing. The caller holds their runs' locks.
-- Params: $1 only where the lease is over; one element an attempt: $2 runs, $3 tasks, $4 attempts, $5 ends, $6 exit codes,
-- $7 errors, $8 states that the tasks go to, $9 delays before a retry in milliseconds, $10 and $11 how much the failures and the recoveries
-- grow, $12 outputs, $13 to $15 what they took: cpu seconds, memory at most, wall seconds.
-- Rows: the attempts ended, by their places in the parameters, from 1. Locks: those attempts and tasks.
-- (That an attempt runs is asked by what it is not: so the planner does not hope for few rows, and goes by the key.)
with located as materialized (
  select e.*, t.ordinal
  from unnest($2::uuid[], $3::text[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::double precision[],
              $10::integer[], $11::integer[], $12::text[], $13::double precision[], $14::bigint[], $15::double precision[]) with ordinality
         as e(run_id, task, attempt, status, exit_code, error, becomes, retry_in_ms, failures, recoveries, outputs,
              cpu_seconds, peak_memory_bytes, wall_seconds, place)
  join mlops.tasks t on t.run_id = e.run_id and t.name = e.task
), ended as (
  update mlops.task_attempts a set status = e.status, exit_code = e.exit_code, error = e.error, ended_at = clock_timestamp(),
         cpu_seconds = e.cpu_seconds, peak_memory_bytes = e.peak_memory_bytes, wall_seconds = e.wall_seconds
  from located e
  where a.run_id = e.run_id and a.ordinal = e.ordinal and a.attempt = e.attempt
    and a.status not in ('succeeded', 'failed', 'timed_out', 'crashed', 'cancelled')
    and (not $1 or a.lease_until <= clock_timestamp())
  returning e.*
)
update mlops.tasks t set
  status      = e.becomes,
  failures    = t.failures + e.failures,
  recoveries  = t.recoveries + e.recoveries,
  exit_code   = e.exit_code,
  error       = e.error,
  outputs     = e.outputs::json,
  not_before  = clock_timestamp() + e.retry_in_ms * interval '1 millisecond',
  finished_at = case when e.becomes not in ('retrying', 'running') then clock_timestamp() end
from ended e
where t.run_id = e.run_id and t.ordinal = e.ordinal and t.status = 'running'
returning e.place::integer, e.ordinal, t.parent
