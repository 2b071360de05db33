-- Rows that are kept aside, in the order in which they came.
-- Parameters: $1 scope, $2 set or null, $3 version or null, $4 ids or null, $5 the id after which to begin, $6 how many at most,
--   $7 origin or null.
-- Rows: one a held row. Locks: none.
select quarantine_id, feature_set, version, fingerprint, origin, entity_key, event_time, created_time, feature_values, reasons, held_since
  from mlops.quarantined_rows
 where scope_id = $1 and ($2::text is null or feature_set = mlops.current_name($1, 'feature_set', $2))
   and ($3::integer is null or version = $3) and ($4::bigint[] is null or quarantine_id = any($4)) and quarantine_id > $5
   and ($7::text is null or origin = $7)
 order by quarantine_id limit $6
