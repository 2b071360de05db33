-- Registers the next version of a set unless its newest has the same digest and is not dropped.
-- Parameters: $1 scope, $2 set, $3 digest, $4 structure (json).
-- Rows: exactly one: version. Locks: the caller holds the advisory lock of the set, so that numbers have no gaps.
with newest as (
  select version, digest, status from mlops.feature_set_versions where scope_id = $1 and feature_set = $2 order by version desc limit 1
), added as (
  insert into mlops.feature_set_versions (scope_id, feature_set, version, digest, structure, status)
  select $1, $2, coalesce((select version from newest), 0) + 1, $3, $4::json, 'registered'
   where not exists (select from newest where digest = $3 and status <> 'dropped')
  returning version
)
select version from added
union all
select version from newest where not exists (select from added)
