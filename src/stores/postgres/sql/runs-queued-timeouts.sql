-- Notes how long tasks of a run, those of items too, may wait for room, as its pipeline says. The spec is read once, not for each task.
-- Params: $1 run. Rows: none.
with waits as materialized (
  select r.scope_id, r.run_id, s.key as task, mlops.duration(s.value ->> 'queuedTimeout') as waits
  from mlops.runs r
  cross join lateral json_each(r.spec -> 'tasks') as s
  where r.run_id = $1 and s.value ->> 'queuedTimeout' is not null
)
insert into mlops.queued_timeouts (scope_id, run_id, ordinal, waits)
select w.scope_id, w.run_id, t.ordinal, w.waits
from waits w
join mlops.tasks t on t.run_id = w.run_id and split_part(t.name, '[', 1) = w.task
on conflict (run_id, ordinal) do nothing
