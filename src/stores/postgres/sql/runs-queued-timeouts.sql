-- Notes how long tasks of a run, those of items too, may wait for room, as its pipeline says. Params: $1 run. Rows: none.
insert into mlops.queued_timeouts (scope_id, run_id, ordinal, waits)
select r.scope_id, r.run_id, t.ordinal, mlops.duration(s.value ->> 'queuedTimeout')
from mlops.runs r
cross join lateral json_each(r.spec -> 'tasks') as s
join mlops.tasks t on t.run_id = r.run_id and split_part(t.name, '[', 1) = s.key
where r.run_id = $1 and s.value ->> 'queuedTimeout' is not null
on conflict (run_id, ordinal) do nothing
