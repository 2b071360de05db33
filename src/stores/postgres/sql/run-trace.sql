-- A run as it is exported: when it was last started, and when it had ended before that, where it is tried again.
-- Params: $1 scope, $2 run. Rows: at most one. Locks: none.
with begun as (
  select max(seq) as seq, max(at) as at from mlops.run_events where run_id = $2 and task is null and status = 'running'
)
select r.run_id as "runId", r.pipeline, r.status, r.cause, r.created_at as "createdAt", r.finished_at as "finishedAt",
       r.git_commit as "gitCommit", r.spec, coalesce(begun.at, r.started_at, r.created_at) as "begunAt",
       (select max(e.at) from mlops.run_events e
        where e.run_id = r.run_id and e.task is null and e.seq < begun.seq and e.status in ('succeeded', 'failed', 'cancelled')) as "endedBefore"
from mlops.runs r cross join begun
where r.scope_id = $1 and r.run_id = $2
