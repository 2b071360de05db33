-- Runs at work, of no schedule, whose pipeline expects them to be done within a time that is over.
-- Params: $1 scope, $2 limit. Rows: at most $2. Locks: none.
select r.run_id as "runId", r.pipeline, r.cause, r.created_at as "createdAt", r.spec -> 'notify' as notify, r.spec -> 'expect' as expect
from mlops.runs r
where r.scope_id = $1 and r.status in ('queued', 'running') and r.schedule is null
  and r.spec -> 'expect' ->> 'within' is not null
  and r.created_at + mlops.duration(r.spec -> 'expect' ->> 'within') < clock_timestamp()
  and not exists (select from mlops.notifications n where n.scope_id = $1 and n.run_id = r.run_id and n.kind = 'late')
order by r.created_at
limit $2
