-- Records pushed rows in their order.
-- Parameters: $1 scope, $2 set, $3 version, $4 rows: json array of {key, eventTime, createdTime, values}, with `version` where it is of another.
-- Rows: ordinal and sequence of each. Locks: the caller holds the advisory lock of the set's pushes.
insert into mlops.feature_updates (scope_id, feature_set, version, sequence, entity_key, event_time, created_time, feature_values)
select $1, mlops.current_name($1, 'feature_set', $2), coalesce((row ->> 'version')::integer, $3), nextval('mlops.feature_sequence'), row -> 'key', (row ->> 'eventTime')::bigint, (row ->> 'createdTime')::bigint, row -> 'values'
  from json_array_elements($4::json) with ordinality as pushed (row, n)
 order by n
returning sequence
