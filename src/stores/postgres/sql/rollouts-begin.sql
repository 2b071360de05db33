-- Begins a rollout, once for what made it begin.
-- Parameters: $1 scope, $2 to $8 what is rolled out where, $9 what made it begin, $10 who, $11 to $21 where it stands.
-- Rows: its id; none where it has begun already. Locks: the new row.
insert into mlops.rollouts (scope_id, endpoint, candidate, baseline, model, version, version_id, staged_at, begun_by, started_by,
                            status, step, share, step_started_at, paused_at, paused_ms, measured_at, failures, reason, plan, checks)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
on conflict (scope_id, endpoint, begun_by) do nothing
returning rollout_id as id
