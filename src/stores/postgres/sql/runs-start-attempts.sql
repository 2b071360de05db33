-- Leases on tasks that are ready or waiting: one row each, under the next attempt number. The caller holds their runs' locks.
-- Params: $1 scope, $2 worker, $3 node, $4 lease in seconds; one element a task: $5 runs, $6 ordinals, $7 attempts so far,
-- $8 devices as texts of arrays.
-- Rows: the tasks started, in that order, with how long they waited since they could run, and what is left of their deadlines in milliseconds. Locks: those tasks.
with started as (
  update mlops.tasks t set status = 'running', queued = false, attempt = c.attempt + 1, waiting_for = null, exit_code = null, error = null, outputs = null,
         started_at = coalesce(t.started_at, clock_timestamp())
  from unnest($5::uuid[], $6::integer[], $7::integer[], $8::text[]) with ordinality as c(run_id, ordinal, attempt, gpus, place)
  where t.run_id = c.run_id and t.ordinal = c.ordinal and t.attempt = c.attempt and t.status in ('ready', 'waiting')
  returning t.run_id, t.ordinal, t.name, t.attempt, t.failures, t.recoveries, t.deadline_at, t.ready_at, t.cpu, t.memory_bytes, t.gpu, t.shared, t.item, c.gpus::integer[] as gpus, c.place
), leased as (
  insert into mlops.task_attempts (run_id, ordinal, attempt, scope_id, worker_id, node, cpu, memory_bytes, gpu, shared, gpus, lease_until)
  select run_id, ordinal, attempt, $1, $2, $3, cpu, memory_bytes, gpu, shared, gpus, clock_timestamp() + $4 * interval '1 second'
  from started
)
select run_id, ordinal, name, attempt, failures, recoveries, item, gpus,
       extract(epoch from clock_timestamp() - ready_at)::double precision as waited_seconds,
       extract(epoch from deadline_at - clock_timestamp())::double precision * 1000 as deadline_in_ms
from started order by place
