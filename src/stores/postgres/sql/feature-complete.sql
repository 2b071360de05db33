-- Moves the ingestion watermark; a version that was only registered serves from now on; what was measured is kept.
-- Parameters: $1 scope, $2 set, $3 version, $4 epoch, $5 inputs (json), $6 rows read (0: nothing was measured), $7 rows written,
--   $8 since when.
-- Rows: one where it was done; none where another worker took over or the version is gone. Locks: the version's row.
with done as (
  update mlops.feature_set_versions
     set inputs = $5::json, status = 'serving', serving_since = coalesce(serving_since, clock_timestamp())
   where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and epoch = $4 and status in ('registered', 'serving')
  returning feature_set, version
), measured as (
  insert into mlops.materializations (scope_id, feature_set, version, rows_read, rows_written, seconds)
  select $1, feature_set, version, $6::bigint, $7::bigint, greatest(0, extract(epoch from clock_timestamp() - $8::timestamptz))
    from done where $6::bigint > 0
  on conflict (scope_id, feature_set, version) do update
     set rows_read = excluded.rows_read, rows_written = excluded.rows_written, seconds = excluded.seconds, ended_at = excluded.ended_at
)
select version from done
