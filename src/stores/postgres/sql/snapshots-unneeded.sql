-- Snapshots that nothing needs, for so long.
-- Parameters: $1 scope, $2 names of the sources that are applied (text[]), $3 milliseconds.
-- Rows: one a snapshot, the oldest first. Locks: none; the caller holds the lock of the scope's snapshots where it acts on it.
with known as (
  select snapshot_id, source, digest, location, row_count, bytes, created_at,
         lead(created_at) over (partition by source order by snapshot_id) as replaced_at
    from mlops.source_snapshots
   where scope_id = $1 and gone_at is null
), idle as (
  select known.*,
         coalesce(replaced_at,
                  (select max(h.at) from mlops.state_history h where h.scope_id = $1 and h.address = 'source.' || known.source),
                  created_at) as since
    from known
   where replaced_at is not null or not source = any($2::text[])
), needed as (
  -- The same content may have come back: then one location is of several snapshots.
  select location from known where replaced_at is null and source = any($2::text[])
  union
  select location from idle where since > clock_timestamp() - $3 * interval '1 millisecond'
  union
  select location from mlops.snapshot_readers where scope_id = $1 and lease_ends_at > clock_timestamp()
  union
  select input.value
    from mlops.training_sets t cross join json_each_text(t.recipe #> '{spine,inputs}') as input
   where t.scope_id = $1 and json_typeof(t.recipe #> '{spine,inputs}') = 'object'
  union
  select known.location
    from mlops.feature_set_versions v cross join json_each_text(v.inputs) as input
    join known on known.digest = input.value
   where v.scope_id = $1 and v.status in ('registered', 'serving') and json_typeof(v.inputs) = 'object'
)
select snapshot_id, source, digest, location, row_count, bytes, since
  from idle
 where location not in (select location from needed)
 order by since, snapshot_id
