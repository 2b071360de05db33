-- Notes when pushed rows came: those of one second, version and target share a row.
-- Parameters: $1 scope, $2 set, $3 target, $4 [{version, first, last}] (json).
-- Rows: none. Locks: the caller holds the advisory lock of the set's pushes.
insert into mlops.push_times as t (scope_id, feature_set, version, target, second, first_sequence, last_sequence, at)
select $1, mlops.current_name($1, 'feature_set', $2), r.version, $3, date_trunc('second', clock_timestamp()), r.first, r.last, clock_timestamp()
  from json_to_recordset($4::json) as r (version integer, first bigint, last bigint)
on conflict (scope_id, feature_set, version, target, second) do update
   set last_sequence = excluded.last_sequence, at = excluded.at
