-- Moves a version to a stage and appends the move.
-- Params: $1 scope, $2 version id, $3 stage, $4 who, $5 reason or null, $6 gates, $7 time. Rows: none.
-- Locks: the caller holds the model's.
with moved as (
  insert into mlops.stage_moves (scope_id, model, version, version_id, from_stage, to_stage, at, who, reason, gates)
  select scope_id, model, version, version_id, stage, $3, $7, $4, $5, $6::json
  from mlops.model_versions where scope_id = $1 and version_id = $2
)
update mlops.model_versions v set stage = $3, stage_changed_at = $7, updated_at = greatest(v.updated_at, $7)
where v.scope_id = $1 and v.version_id = $2
