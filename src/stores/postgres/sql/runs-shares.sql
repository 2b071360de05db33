-- What tasks share: those with live leases, and those that wait, of each kind once.
-- Params: $1 scope, $2 also those that wait. Rows: the shares, running or waiting, how many tasks and their demands together.
select a.shared, 'running' as state, count(*)::integer as tasks, sum(a.cpu)::double precision as cpu,
       sum(a.memory_bytes)::double precision as memory_bytes, sum(a.gpu)::integer as gpu
from mlops.task_attempts a
where a.scope_id = $1 and a.ended_at is null and a.lease_until > clock_timestamp() and a.shared is not null
group by a.shared
union all
select t.shared, 'waiting', count(*)::integer, sum(t.cpu)::double precision, sum(t.memory_bytes)::double precision, sum(t.gpu)::integer
from mlops.tasks t
where $2 and t.scope_id = $1 and t.queued and t.shared is not null
group by t.shared
