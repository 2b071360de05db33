-- Drops every version of a set, with its parts, pushed rows and what is known of their values. The numbers stay taken.
-- Parameters: $1 scope, $2 set.
-- Rows: each version that the set ever had. Locks: the rows of the set.
with parts as (
  delete from mlops.feature_parts where scope_id = $1 and feature_set = $2
), updates as (
  delete from mlops.feature_updates where scope_id = $1 and feature_set = $2
), statistics as (
  delete from mlops.feature_statistics where scope_id = $1 and feature_set = $2
), held as (
  delete from mlops.quarantined_rows where scope_id = $1 and feature_set = $2
)
update mlops.feature_set_versions set status = 'dropped'
 where scope_id = $1 and feature_set = $2
returning feature_set, version, storage
