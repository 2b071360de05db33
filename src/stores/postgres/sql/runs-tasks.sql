-- The tasks of a run in order, with what their last attempts took. Params: $1 run. Rows: one a task.
select t.name, t.operator, t.needs,
       -- For people a task that waits for something outside is waiting, not about to be tried again.
       case when t.status = 'retrying' and t.not_before > timestamptz '9999-01-01' then 'waiting' else t.status end as status, t.attempt, t.exit_code, t.error, t.outputs, t.progress, t.started_at, t.finished_at,
       a.cpu_seconds, a.peak_memory_bytes::double precision as peak_memory_bytes, a.wall_seconds
from mlops.tasks t
left join mlops.task_attempts a on a.run_id = t.run_id and a.ordinal = t.ordinal and a.attempt = t.attempt
where t.run_id = $1 order by t.ordinal
