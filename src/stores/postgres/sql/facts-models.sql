-- Of each recorded model how many versions it has, the one in production and the newest in staging, and the features that these
-- two read by name, sets under the names that they have now.
-- Parameters: $1 scope.
-- Rows: one a recorded model, also without any version. Locks: none.
with counted as (
  select r.name, count(v.version)::bigint as versions, max(v.version) filter (where v.stage = 'production') as production,
         max(v.version) filter (where v.stage = 'staging') as staging
    from mlops.resources r
    left join mlops.model_versions v on v.scope_id = r.scope_id and v.model = r.name and v.deleted_at is null
   where r.scope_id = $1 and r.kind = 'model'
   group by r.name
)
select counted.*, array(
         select distinct mlops.current_name($1, 'feature_set', split_part(feature, '.', 1)) || '.' || split_part(feature, '.', 2)
           from mlops.model_versions v, json_array_elements_text(v.signature -> 'features') as feature
          where v.scope_id = $1 and v.model = counted.name and v.version in (counted.production, counted.staging)
            and json_typeof(v.signature -> 'features') = 'array'
          order by 1
       ) as "servedFeatures"
  from counted
