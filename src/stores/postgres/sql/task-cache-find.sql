-- Results kept under a key that ended within the time.
-- Params: $1 scope, $2 key, $3 time in milliseconds. Rows: at most 5, the newest first.
select c.run_id, t.name as task, c.attempt, t.outputs, a.ended_at
from mlops.task_cache c
join mlops.tasks t on t.run_id = c.run_id and t.ordinal = c.ordinal and t.attempt = c.attempt and t.status = 'succeeded'
join mlops.task_attempts a on a.run_id = c.run_id and a.ordinal = c.ordinal and a.attempt = c.attempt and a.status = 'succeeded'
where c.scope_id = $1 and c.cache_key = $2 and a.ended_at > clock_timestamp() - $3 * interval '1 millisecond'
order by a.ended_at desc
limit 5
