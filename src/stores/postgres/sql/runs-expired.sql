-- Attempts whose lease is over and that have no end.
-- An attempt whose program runs outside is given some time: another worker may adopt it.
-- Params: $1 scope. Rows: at most 500.
select a.run_id, t.name as task, a.attempt, r.pipeline, t.failures, t.recoveries, a.node, a.pid, a.pid_started_at,
       extract(epoch from t.deadline_at - clock_timestamp())::double precision * 1000 as deadline_in_ms
from mlops.task_attempts a
join mlops.tasks t on t.run_id = a.run_id and t.ordinal = a.ordinal
join mlops.runs r on r.run_id = a.run_id
where a.scope_id = $1 and a.ended_at is null and a.lease_until <= clock_timestamp() - case when a.external is null then interval '0' else interval '10 minutes' end
order by a.lease_until limit 500
