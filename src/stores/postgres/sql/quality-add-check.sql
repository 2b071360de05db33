-- Records what a check found, and lets go of the oldest of the version.
-- Parameters: $1 scope, $2 set, $3 version, $4 the check (json), $5 how many to keep.
-- Rows: none. Locks: none.
with named as (
  select feature_set, version from mlops.feature_set_versions
   where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and status <> 'dropped'
), old as (
  delete from mlops.feature_checks where check_id in (
    select check_id from mlops.feature_checks join named using (feature_set, version)
     where scope_id = $1 order by check_id desc offset $5::bigint - 1)
)
insert into mlops.feature_checks (scope_id, feature_set, version, origin, rows_read, rows_new, rows_skipped, duplicates, quarantined, outcome, failures)
select $1, feature_set, named.version, origin, "rowsRead", "rowsNew", "rowsSkipped", duplicates, quarantined, outcome, failures
  from named, json_to_record($4::json) as c (origin text, "rowsRead" bigint, "rowsNew" bigint, "rowsSkipped" bigint, duplicates bigint,
    quarantined bigint, outcome text, failures json)
