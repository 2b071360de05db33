-- Tasks that may run: first those that waited longest beyond the limit, then those that fit what is free, by priority and gpu.
-- Of tasks that ask for the same a worker never takes more than it has slots: so many of each kind are named, and a crowd
-- of one kind hides no other.
-- Params: $1 scope, $2 free cpu, $3 free memory, $4 free gpu, $5 seconds after which age comes first, $6 slots. Rows: at most 1,000.
with able as (
  select t.run_id, t.ordinal, t.name, t.status, t.cpu, t.memory_bytes, t.gpu, t.priority, t.attempt, t.failures, t.recoveries,
         r.pipeline, t.ready_at,
         extract(epoch from clock_timestamp() - t.ready_at)::double precision as waited_seconds,
         t.cpu <= $2 and t.memory_bytes <= $3 and t.gpu <= $4 as fits
  from mlops.tasks t join mlops.runs r on r.run_id = t.run_id
  where t.scope_id = $1 and not r.held and r.cancel_requested_at is null
    and (t.status in ('ready', 'waiting') or (t.status = 'retrying' and t.not_before <= clock_timestamp()))
    and (t.deadline_at is null or t.deadline_at > clock_timestamp())
), ranked as (
  select able.*, row_number() over (
    partition by cpu, memory_bytes, gpu
    order by (waited_seconds > $5) desc, case when waited_seconds > $5 then ready_at end, priority desc, ready_at, ordinal
  ) as rank
  from able
)
select * from ranked where rank <= $6
order by (waited_seconds > $5) desc, case when waited_seconds > $5 then ready_at end, fits desc, priority desc, gpu desc, ready_at, ordinal
limit 1000
