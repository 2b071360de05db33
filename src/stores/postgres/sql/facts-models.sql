-- Of each recorded model how many versions it has, the one in production and the newest in staging.
-- Parameters: $1 scope.
-- Rows: one a recorded model, also without any version. Locks: none.
select r.name, count(v.version)::bigint as versions, max(v.version) filter (where v.stage = 'production') as production,
       max(v.version) filter (where v.stage = 'staging') as staging
  from mlops.resources r
  left join mlops.model_versions v on v.scope_id = r.scope_id and v.model = r.name
 where r.scope_id = $1 and r.kind = 'model'
 group by r.name
