-- Records a snapshot unless the source's newest has the same digest.
-- Parameters: $1 scope, $2 source, $3 digest, $4 location, $5 rows, $6 bytes, $7 columns (json).
-- Rows: one where it was recorded, none where the newest has the digest.
-- Locks: the caller holds the advisory lock of the source, so that "newest" holds until the commit.
insert into mlops.source_snapshots (scope_id, source, digest, location, row_count, bytes, columns)
select $1, mlops.current_name($1, 'source', $2), $3, $4, $5, $6, $7::json
 where $3 is distinct from (select digest from mlops.source_snapshots where scope_id = $1 and source = mlops.current_name($1, 'source', $2) and gone_at is null order by snapshot_id desc limit 1)
returning snapshot_id
