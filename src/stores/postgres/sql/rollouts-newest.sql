-- The newest rollout of each endpoint.
-- Parameters: $1 scope.
-- Rows: one an endpoint, under the name that it has now. Locks: none.
select distinct on (mlops.current_name($1, 'endpoint', r.endpoint))
       r.rollout_id as id, mlops.current_name($1, 'endpoint', r.endpoint) as endpoint, r.candidate, r.baseline,
       mlops.current_name($1, 'model', r.model) as model, r.version, r.version_id as "versionId", r.staged_at as "stagedAt", r.seq, r.revision, r.status, r.step, r.share,
       r.step_started_at as "stepStartedAt", r.paused_at as "pausedAt", r.paused_ms as "pausedMs", r.measured_at as "measuredAt",
       r.failures, r.reason, r.plan, r.checks, r.started_at as "startedAt", r.started_by as "startedBy", r.ended_at as "endedAt"
  from mlops.rollouts r
 where r.scope_id = $1
   and r.seq in (select max(n.seq) from mlops.rollouts n where n.scope_id = $1 group by n.endpoint)
 order by mlops.current_name($1, 'endpoint', r.endpoint), r.seq desc
