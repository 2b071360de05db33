-- Holds snapshots for a reader where all of them are there; those of readers that died go.
-- Parameters: $1 scope, $2 reader id, $3 locations (text[]), $4 reader, $5 milliseconds of its lease.
-- Rows: {all}. Locks: none; the caller shares the lock of the scope's snapshots.
with there as (
  select distinct location from mlops.source_snapshots
   where scope_id = $1 and gone_at is null and location = any($3::text[])
), whole as (
  select count(*) = (select count(distinct location) from unnest($3::text[]) as location) as all from there
), dead as (
  delete from mlops.snapshot_readers where ctid in (
    select ctid from mlops.snapshot_readers where scope_id = $1 and lease_ends_at < clock_timestamp() for update skip locked)
), held as (
  insert into mlops.snapshot_readers (scope_id, reader_id, location, reader, lease_ends_at)
  select $1, $2, location, $4, clock_timestamp() + $5 * interval '1 millisecond' from there, whole where whole.all
)
select whole.all from whole
