-- Adds reads to what was counted before.
-- Parameters: $1 scope, $2 reads (json): {set, version, feature, reader, reads, entities, firstAgoMs, lastAgoMs}.
-- Rows: none. Locks: the counters, in one order everywhere, so that nobody waits in a circle.
insert into mlops.feature_usage (scope_id, feature_set, version, feature, reader, reads, entities, first_at, last_at)
select $1, v.feature_set, v.version, r.feature, r.reader, r.reads, r.entities,
       clock_timestamp() - r."firstAgoMs" * interval '1 millisecond', clock_timestamp() - r."lastAgoMs" * interval '1 millisecond'
  from json_to_recordset($2::json) as r ("set" text, version integer, feature text, reader text, reads bigint, entities bigint,
         "firstAgoMs" double precision, "lastAgoMs" double precision)
  join mlops.feature_set_versions v
    on v.scope_id = $1 and v.feature_set = mlops.current_name($1, 'feature_set', r."set") and v.version = r.version
 order by 2, 3, 4, 5
on conflict (scope_id, feature_set, version, feature, reader) do update
   set reads = feature_usage.reads + excluded.reads, entities = feature_usage.entities + excluded.entities,
       first_at = least(feature_usage.first_at, excluded.first_at), last_at = greatest(feature_usage.last_at, excluded.last_at)
