-- Adds the next version of a model, in development, with the move that registers it.
-- Params: $1 scope, $2 model, $3 framework, $4 metrics, $5 hyperparameters, $6 artifacts, $7 tags, $8 lineage, $9 signature or null,
-- $10 description or null, $11 idempotency key or null, $12 who. Rows: the version. Locks: the caller holds the model's.
with numbered as (
  update mlops.models set last_version = last_version + 1 where scope_id = $1 and name = mlops.current_name($1, 'model', $2)
  returning name, last_version, date_trunc('milliseconds', clock_timestamp()) as at
), added as (
  insert into mlops.model_versions (scope_id, model, version, framework, metrics, hyperparameters, artifacts, tags, lineage,
    signature, description, idempotency_key, created_at, created_by, stage_changed_at)
  select $1, name, last_version, $3, $4::jsonb, $5::json, $6::json, $7::jsonb, $8::json, $9::json, $10, $11, at, $12, at from numbered
  returning *
), moved as (
  insert into mlops.stage_moves (scope_id, model, version, version_id, to_stage, at, who)
  select scope_id, model, version, version_id, stage, created_at, created_by from added
)
select version_id as id, model as name, version, stage, framework, metrics, hyperparameters, artifacts, tags, lineage, signature,
  description, created_at as "createdAt", created_by as "createdBy", stage_changed_at as "stageChangedAt"
from added
