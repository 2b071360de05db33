-- What checks found, the newest first: of one set, or the newest of each version of all.
-- Parameters: $1 scope, $2 set or null for all, $3 version or null for any, $4 how many at most of each version.
-- Rows: one a check. Locks: none.
select c.* from (
  select c.*, row_number() over (partition by feature_set, version order by check_id desc) as n
    from mlops.feature_checks c
   where scope_id = $1 and ($2::text is null or feature_set = mlops.current_name($1, 'feature_set', $2))
     and ($3::integer is null or version = $3) and ($2::text is not null or origin = 'materialization')
) c
  join mlops.feature_set_versions v using (scope_id, feature_set, version)
 where n <= $4 and v.status <> 'dropped'
 order by feature_set, version desc, check_id desc
