-- The newest snapshot of each source, or of one.
-- Parameters: $1 scope, $2 source, by its name or a former one, or null for all.
-- Rows: one a source that has any. Locks: none.
select distinct on (source) source, digest, location, row_count, bytes, columns, created_at
  from mlops.source_snapshots
 where scope_id = $1 and gone_at is null and ($2::text is null or source = mlops.current_name($1, 'source', $2))
 order by source, snapshot_id desc
