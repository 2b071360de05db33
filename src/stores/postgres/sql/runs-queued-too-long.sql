-- Tasks that wait for room longer than they may. Params: $1 scope. Rows: at most 500: run, ordinal, name, status, how long it may.
select t.run_id, t.ordinal, t.name, t.status, r.spec #>> array['tasks', split_part(t.name, '[', 1), 'queuedTimeout'] as waits
from mlops.queued_timeouts q
join mlops.runs r on r.run_id = q.run_id and r.status in ('queued', 'running') and not r.held
join mlops.tasks t on t.run_id = q.run_id and t.ordinal = q.ordinal and t.status in ('ready', 'waiting')
where q.scope_id = $1 and t.ready_at + q.waits <= clock_timestamp()
order by t.run_id, t.ordinal limit 500
