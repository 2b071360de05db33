-- Tasks that may run: first those that waited longest beyond the limit, then those that fit what is free, by priority and gpu.
-- Params: $1 scope, $2 free cpu, $3 free memory, $4 free gpu, $5 seconds after which age comes first. Rows: at most 1,000.
with waiting as (
  select t.run_id, t.ordinal, t.name, t.status, t.cpu, t.memory_bytes, t.gpu, t.priority, t.attempt, t.failures, t.recoveries,
         r.pipeline, t.ready_at,
         extract(epoch from clock_timestamp() - t.ready_at)::double precision as waited_seconds,
         t.cpu <= $2 and t.memory_bytes <= $3 and t.gpu <= $4 as fits
  from mlops.tasks t join mlops.runs r on r.run_id = t.run_id
  where t.scope_id = $1 and not r.held and r.cancel_requested_at is null
    and (t.status in ('ready', 'waiting') or (t.status = 'retrying' and t.not_before <= clock_timestamp()))
    and (t.deadline_at is null or t.deadline_at > clock_timestamp())
)
select * from waiting
order by (waited_seconds > $5) desc, case when waited_seconds > $5 then ready_at end, fits desc, priority desc, gpu desc, ready_at, ordinal
limit 1000
