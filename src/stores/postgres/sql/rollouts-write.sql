-- Where a rollout stands now, decided on its revision.
-- Parameters: $1 scope, $2 rollout, $3 the revision, $4 whether it has ended, $5 to $15 where it stands.
-- Rows: whose it is, and how it stood; none where it has moved since. Locks: its row.
with was as (
  select rollout_id, status, share from mlops.rollouts where scope_id = $1 and rollout_id = $2 and revision = $3 for update
)
update mlops.rollouts r
   set revision = r.revision + 1, status = $5, step = $6, share = $7, step_started_at = $8, paused_at = $9, paused_ms = $10, measured_at = $11,
       failures = $12, reason = $13, plan = $14, checks = $15,
       ended_at = case when $4::boolean then coalesce(r.ended_at, clock_timestamp()) end
  from was
 where r.rollout_id = was.rollout_id
returning r.endpoint, r.version, was.status as was, was.share
