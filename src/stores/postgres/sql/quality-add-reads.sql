-- Adds reads to what was counted before, in all and of the day; days that are older than 31 go.
-- Parameters: $1 scope, $2 reads (json): {set, version, feature, reader, reads, entities, firstAgoMs, lastAgoMs}.
-- Rows: none. Locks: the counters, in one order everywhere, so that nobody waits in a circle; days that another process removes are left to it.
with given as (
  select v.feature_set, v.version, r.feature, r.reader, r.reads, r.entities,
         clock_timestamp() - r."firstAgoMs" * interval '1 millisecond' as first_at,
         clock_timestamp() - r."lastAgoMs" * interval '1 millisecond' as last_at
    from json_to_recordset($2::json) as r ("set" text, version integer, feature text, reader text, reads bigint, entities bigint,
           "firstAgoMs" double precision, "lastAgoMs" double precision)
    join mlops.feature_set_versions v
      on v.scope_id = $1 and v.feature_set = mlops.current_name($1, 'feature_set', r."set") and v.version = r.version
   order by 1, 2, 3, 4
), old as (
  delete from mlops.feature_reads where ctid in (
    select ctid from mlops.feature_reads where scope_id = $1 and day < (clock_timestamp() at time zone 'UTC')::date - 31
       for update skip locked)
), of_the_day as (
  insert into mlops.feature_reads as d (scope_id, day, feature_set, version, feature, reader, reads)
  select $1, (last_at at time zone 'UTC')::date, feature_set, version, feature, reader, reads from given
  on conflict (scope_id, day, feature_set, version, feature, reader) do update set reads = d.reads + excluded.reads
)
insert into mlops.feature_usage (scope_id, feature_set, version, feature, reader, reads, entities, first_at, last_at)
select $1, feature_set, version, feature, reader, reads, entities, first_at, last_at from given
on conflict (scope_id, feature_set, version, feature, reader) do update
   set reads = feature_usage.reads + excluded.reads, entities = feature_usage.entities + excluded.entities,
       first_at = least(feature_usage.first_at, excluded.first_at), last_at = greatest(feature_usage.last_at, excluded.last_at)
