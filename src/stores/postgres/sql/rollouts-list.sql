-- Rollouts, the newest first.
-- Parameters: $1 scope; each null for any: $2 id, $3 endpoint, by any of its names, $4 status, $5 begun before this one; $6 how many at most.
-- Rows: one a rollout. Locks: none.
select r.rollout_id as id, mlops.current_name($1, 'endpoint', r.endpoint) as endpoint, r.candidate, r.baseline,
       mlops.current_name($1, 'model', r.model) as model, r.version, r.version_id as "versionId", r.staged_at as "stagedAt", r.seq, r.revision, r.status, r.step, r.share,
       r.step_started_at as "stepStartedAt", r.paused_at as "pausedAt", r.paused_ms as "pausedMs", r.measured_at as "measuredAt",
       r.failures, r.reason, r.plan, r.checks, r.started_at as "startedAt", r.started_by as "startedBy", r.ended_at as "endedAt"
  from mlops.rollouts r
 where r.scope_id = $1
   and ($2::uuid is null or r.rollout_id = $2)
   and ($3::text is null or r.endpoint = any(mlops.names_of($1, 'endpoint', $3)))
   and ($4::text is null or r.status = $4)
   and ($5::bigint is null or r.seq < $5)
 order by r.seq desc
 limit $6
