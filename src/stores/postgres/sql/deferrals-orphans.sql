-- Runs under way whose task, which started them, ended without them. Params: $1 scope. Rows: run. At most 100.
select r.run_id
from mlops.runs r
join mlops.tasks t on t.run_id = (r.cause -> 'parent' ->> 'runId')::uuid and t.name = r.cause -> 'parent' ->> 'task'
where r.scope_id = $1 and r.status in ('queued', 'running') and (r.cause ->> 'kind') = 'pipeline_task'
  and r.cancel_requested_at is null
  and t.status in ('cancelled', 'timed_out', 'failed', 'crashed', 'upstream_failed', 'skipped')
limit 100
