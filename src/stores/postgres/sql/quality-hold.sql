-- Puts rows aside; one that is held already stays as it is, with the reasons of now.
-- Parameters: $1 scope, $2 set, $3 version, $4 rows (json): {fingerprint, origin, key, eventTime, createdTime, values, reasons}.
-- Rows: none. Locks: the rows that are held.
insert into mlops.quarantined_rows (scope_id, feature_set, version, fingerprint, origin, entity_key, event_time, created_time, feature_values, reasons)
select $1, mlops.current_name($1, 'feature_set', $2), $3, row ->> 'fingerprint', row ->> 'origin', row -> 'key',
       (row ->> 'eventTime')::bigint, (row ->> 'createdTime')::bigint, row -> 'values', row -> 'reasons'
  from json_array_elements($4::json) with ordinality as held(row, n)
 order by n
on conflict (scope_id, feature_set, version, fingerprint) do update set reasons = excluded.reasons
