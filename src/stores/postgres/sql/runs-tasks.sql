-- The tasks of a run in order, with what their last attempts took; those of items where asked for, else the others.
-- Params: $1 run, $2 null or the task whose items' tasks are asked for, $3 of these only those that failed, $4 after this one,
-- $5 at most so many or null. Rows: one a task.
select t.name, t.operator, t.needs,
       -- For people a task that waits for something outside is waiting, not about to be tried again.
       case when t.status = 'retrying' and t.not_before > timestamptz '9999-01-01' then 'waiting' else t.status end as status, t.attempt, t.exit_code, t.error,
       case when t.items > 100 then null else t.outputs end as outputs, t.progress, t.waiting_for, t.items, t.items_open, t.items_failed, t.started_at, t.finished_at,
       a.cpu_seconds, a.peak_memory_bytes::double precision as peak_memory_bytes, a.wall_seconds,
       u.from_run, u.from_task, u.from_attempt
from mlops.tasks t
left join mlops.task_attempts a on a.run_id = t.run_id and a.ordinal = t.ordinal and a.attempt = t.attempt
left join mlops.task_reuses u on u.run_id = t.run_id and u.ordinal = t.ordinal and u.attempt = t.attempt and t.status = 'succeeded'
where t.run_id = $1
  and t.parent is not distinct from (select p.ordinal from mlops.tasks p where p.run_id = $1 and p.name = $2)
  and (not $3 or t.status in ('failed', 'timed_out', 'crashed', 'cancelled'))
  and t.ordinal > coalesce((select p.ordinal from mlops.tasks p where p.run_id = $1 and p.name = $2 || '[' || $4::integer || ']'), -1)
order by t.ordinal limit $5
