-- What lies in the stores under a name that nothing recorded has, as after `state rm`: a rename to it is refused.
-- Parameters: $1 scope.
-- Rows: {address}. Locks: none.
with held as (
  select distinct 'feature_set.' || feature_set as address from mlops.feature_set_versions
   where scope_id = $1 and status <> 'dropped'
  union all
  select 'model.' || name from mlops.models m
   where scope_id = $1 and (last_version > 0
         or deleted_at is null and exists (select from mlops.registry_changes c where c.model_id = m.model_id))
)
select address from held
 where not exists (select from mlops.resources r where r.scope_id = $1 and r.address = held.address)
 order by address
