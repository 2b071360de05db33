-- Lets waiting tasks run: one, or, with a null, all whose run came to its end, and all
-- whose work nobody has in hand any more. Params: $1 scope, $2 run, $3 task, $4 attempt.
-- Rows: run, task, attempt of each. Locks: those tasks.
with found as (
  select d.run_id, d.ordinal, d.attempt, t.name
  from mlops.deferred_tasks d join mlops.tasks t using (run_id, ordinal)
  where d.scope_id = $1 and not d.resumed
    and case when $2::uuid is null
          then exists (select 1 from mlops.runs c where c.run_id = d.child_run and c.status in ('succeeded', 'failed', 'cancelled'))
            or d.cache_key is not null and not exists (
              select 1 from mlops.task_cache c
              join mlops.tasks h on h.run_id = c.run_id and h.ordinal = c.ordinal and h.attempt = c.attempt and h.status = 'running'
              where c.scope_id = $1 and c.cache_key = d.cache_key)
          else d.run_id = $2 and t.name = $3 and d.attempt = $4 end
), marked as (
  update mlops.deferred_tasks d set resumed = true from found where d.run_id = found.run_id and d.ordinal = found.ordinal
)
update mlops.tasks t set not_before = clock_timestamp()
from found where t.run_id = found.run_id and t.ordinal = found.ordinal and t.status = 'retrying' and t.attempt = found.attempt
returning t.run_id, t.name, t.attempt
