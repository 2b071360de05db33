-- Adds the next version of a model, in development, with the move that registers it.
-- Params: $1 scope, $2 model, $3 framework, $4 metrics, $5 hyperparameters, $6 artifacts, $7 tags, $8 lineage, $9 signature or null,
-- $10 description or null, $11 idempotency key or null, $12 who, $13 run or null, $14 source or null, $15 flavour or null.
-- Rows: {id}, one. Locks: the caller holds the model's.
with numbered as (
  update mlops.models set last_version = last_version + 1, updated_at = date_trunc('milliseconds', clock_timestamp()), deleted_at = null
  where scope_id = $1 and name = mlops.current_name($1, 'model', $2)
  returning name, last_version, updated_at as at
), added as (
  insert into mlops.model_versions (scope_id, model, version, framework, metrics, hyperparameters, artifacts, tags, lineage,
    signature, description, idempotency_key, created_at, created_by, stage_changed_at, updated_at, run_id, source, flavour)
  select $1, name, last_version, $3, $4::jsonb, $5::json, $6::json, $7::jsonb, $8::json, $9::json, $10, $11, at, $12, at, at, $13, $14, $15::json from numbered
  returning *
), moved as (
  insert into mlops.stage_moves (scope_id, model, version, version_id, to_stage, at, who)
  select scope_id, model, version, version_id, stage, created_at, created_by from added
)
select version_id as id from added
