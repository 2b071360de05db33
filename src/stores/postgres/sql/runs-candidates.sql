-- Tasks that may run: first those that waited longest beyond the limit, then those that fit what is free, by priority and gpu.
-- Of each kind (tasks that ask for the same) only as many are read as a worker has slots, the oldest first: however many wait, and
-- a crowd of one kind hides no other. Retries that are due come along.
-- Params: $1 scope, $2 free cpu, $3 free memory, $4 free gpu, $5 seconds after which age comes first, $6 slots. Rows: at most 1,000.
with recursive kinds as (
  (select t.kind from mlops.tasks t where t.scope_id = $1 and t.queued order by t.kind limit 1)
  union all
  select (select t.kind from mlops.tasks t where t.scope_id = $1 and t.queued and t.kind > kinds.kind order by t.kind limit 1)
  from kinds where kinds.kind is not null
), able as (
  select t.* from kinds cross join lateral (
    select t.run_id, t.ordinal, t.name, t.status, t.cpu, t.memory_bytes, t.gpu, t.priority, t.attempt, t.ready_at, t.deadline_at,
           t.shared, t.waiting_for
    from mlops.tasks t where t.scope_id = $1 and t.queued and t.kind = kinds.kind
    order by t.ready_at, t.ordinal limit $6
  ) t
  union all
  (select t.run_id, t.ordinal, t.name, t.status, t.cpu, t.memory_bytes, t.gpu, t.priority, t.attempt, t.ready_at, t.deadline_at,
          t.shared, t.waiting_for
   from mlops.tasks t where t.scope_id = $1 and t.not_before <= clock_timestamp()
   order by t.not_before limit $6)
), waited as (
  select able.*, extract(epoch from clock_timestamp() - ready_at)::double precision as waited_seconds,
         cpu <= $2 and memory_bytes <= $3 and gpu <= $4 as fits
  from able where deadline_at is null or deadline_at > clock_timestamp()
)
select run_id, ordinal, name, status, cpu, memory_bytes, gpu, priority, attempt, waited_seconds, shared, waiting_for
from waited
order by (waited_seconds > $5) desc, case when waited_seconds > $5 then ready_at end, fits desc, priority desc, gpu desc, ready_at, ordinal
limit 1000
