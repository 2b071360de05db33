-- Moves the ingestion watermark; a version that was only registered serves from now on.
-- Parameters: $1 scope, $2 set, $3 version, $4 epoch, $5 inputs (json).
-- Rows: one where it was done; none where another worker took over or the version is gone. Locks: the version's row.
update mlops.feature_set_versions
   set inputs = $5::json, status = 'serving', serving_since = coalesce(serving_since, clock_timestamp())
 where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and epoch = $4 and status <> 'dropped'
returning version
