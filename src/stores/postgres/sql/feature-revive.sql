-- Registers a retired version again, empty: it is filled as a new one is. Rows that are pushed from here on come to it.
-- Parameters: $1 scope, $2 set, $3 version, $4 milliseconds for which it is kept.
-- Rows: one where it was done. Locks: the caller holds the advisory lock of the set's pushes.
with revived as (
  update mlops.feature_set_versions
     set status = 'registered', retired_at = null, retired_why = null, serving_since = null,
         kept_until = clock_timestamp() + $4::double precision * interval '1 millisecond', pushes_since = nextval('mlops.feature_sequence')
   where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and status = 'retired'
  returning feature_set, version
), updates as (
  delete from mlops.feature_updates u using revived r where u.scope_id = $1 and u.feature_set = r.feature_set and u.version = r.version
), told as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail)
  select $1, 'mlops', 'feature_set.revive', 'feature_set.' || feature_set, json_build_object('version', version) from revived
)
select version from revived
