-- Records statistics unless they hold rows that are in statistics already, and lets go of the oldest.
-- Parameters: $1 scope, $2 set, $3 version, $4 kind, $5 from sequence, $6 through sequence, $7 rows, $8 superseded, $9 entities or null,
--   $10 least and $11 greatest event time or null, $12 columns (json), $13 how many to keep.
-- Rows: one where they were recorded. Locks: none: of two at once the unique indexes let one in.
with named as (
  select feature_set, version from mlops.feature_set_versions
   where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and status <> 'dropped'
), last as (
  select coalesce(max(through_sequence), -1) as through
    from mlops.feature_statistics join named using (feature_set, version) where scope_id = $1 and kind = $4
), old as (
  delete from mlops.feature_statistics where statistics_id in (
    select statistics_id from mlops.feature_statistics join named using (feature_set, version)
     where scope_id = $1 and kind = $4 order by through_sequence desc offset $13::bigint - 1)
)
insert into mlops.feature_statistics (scope_id, feature_set, version, kind, from_sequence, through_sequence, row_count, superseded, entities,
  min_event_time, max_event_time, columns)
select $1, feature_set, version, $4, $5, $6, $7, $8, $9, $10, $11, $12::json from named, last
 where case $4 when 'batch' then $5::bigint = through else $6::bigint > through end
on conflict do nothing
returning statistics_id
