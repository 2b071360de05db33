-- Retires a version: its parts and pushed rows are recorded no more. What training sets were made from they record themselves.
-- Parameters: $1 scope, $2 set, $3 version, $4 why.
-- Rows: one where it was done. Locks: the caller holds the set's pushes and the version's row.
with retired as (
  update mlops.feature_set_versions v
     set status = 'retired', retired_at = clock_timestamp(), retired_why = $4, kept_until = null, swept_at = null,
         inputs = null, event_watermark = null, epoch = nextval('mlops.feature_sequence')
   where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3
     and status in ('registered', 'serving') and (kept_until is null or kept_until <= clock_timestamp())
     and exists (
       select from mlops.feature_set_versions newer
        where newer.scope_id = $1 and newer.feature_set = v.feature_set and newer.version > v.version and newer.status = 'serving')
  returning feature_set, version
), parts as (
  delete from mlops.feature_parts p using retired r where p.scope_id = $1 and p.feature_set = r.feature_set and p.version = r.version
), updates as (
  delete from mlops.feature_updates u using retired r where u.scope_id = $1 and u.feature_set = r.feature_set and u.version = r.version
), told as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail)
  select $1, 'mlops', 'feature_set.retire', 'feature_set.' || feature_set, json_build_object('version', version, 'why', $4::text) from retired
)
select version from retired
