-- Ends of runs that nobody looked at, in their order.
-- Params: $1 scope, $2 limit. Rows: at most $2. Locks: none; the caller holds the scope's lock on ends.
select m.seq, m.at, m.status, r.run_id as "runId", r.pipeline, r.cause, r.created_at as "createdAt", r.started_at as "startedAt",
       r.spec -> 'notify' as notify
from mlops.run_moves m join mlops.runs r on r.run_id = m.run_id
where m.scope_id = $1 and m.consumer = 'notify'
order by m.seq
limit $2
