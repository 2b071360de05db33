-- Events that wait, without those that become one run with others once the run of their trigger has ended.
-- Params: $1 scope, $2 limit. Rows: at most $2, the oldest first.
select e.event_id, e.pipeline, e.kind, e.spec, e.subject, e.detail, e.at
from mlops.trigger_events e
where e.scope_id = $1 and e.handled_at is null
  and not (
    coalesce((e.spec ->> 'coalesce')::boolean, e.kind in ('materialized', 'sensor'))
    and exists (
      select from mlops.runs r join mlops.trigger_events d on d.run_id = r.run_id
      where r.scope_id = $1 and r.status in ('queued', 'running') and d.pipeline = e.pipeline and d.trigger_key = e.trigger_key
    )
  )
order by e.event_id
limit $2
