-- Who has the work under a key in hand: an attempt that its task is running. Params: $1 scope, $2 key, $3 run, $4 task: another than that.
-- Rows: one at most.
select c.run_id, t.name as task, c.attempt
from mlops.task_cache c
join mlops.tasks t on t.run_id = c.run_id and t.ordinal = c.ordinal and t.attempt = c.attempt and t.status = 'running'
where c.scope_id = $1 and c.cache_key = $2 and not (c.run_id = $3 and t.name = $4)
limit 1
