-- Makes a part readable and moves the event-time watermark, if the caller still is the version's worker.
-- Parameters: $1 scope, $2 set, $3 version, $4 epoch, $5 sequence, $6 location, $7 rows, $8 bytes, $9 greatest event time,
--   $10 greatest visible time, $11 least event time or null, $12 whether its rows were pushed.
-- Rows: one where it was done; none where another worker took over or the version is gone. Locks: the version's row.
with held as (
  update mlops.feature_set_versions
     set event_watermark = greatest(event_watermark, $9)
   where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and epoch = $4 and status in ('registered', 'serving')
  returning feature_set, version
)
insert into mlops.feature_parts (scope_id, feature_set, version, sequence, location, row_count, bytes, max_event_time, max_visible_time, min_event_time, pushed)
select $1, feature_set, version, $5, $6, $7, $8, $9, $10, $11, $12 from held
returning version
