-- Of each feature set the newest version that has rows: how many, the time that they span, and how fast the last were computed.
-- Parameters: $1 scope.
-- Rows: one a set that has rows. Locks: none.
with newest as (
  select distinct on (p.feature_set) p.*
    from (
      select feature_set, version, sum(row_count)::bigint as row_count, sum(bytes)::bigint as bytes,
             case when bool_and(min_event_time is not null) then min(min_event_time) end as first_event_time,
             max(max_event_time) as last_event_time
        from mlops.feature_parts where scope_id = $1 group by feature_set, version
    ) p
    join mlops.feature_set_versions v on v.scope_id = $1 and v.feature_set = p.feature_set and v.version = p.version
   where v.status <> 'dropped' and p.row_count > 0
   order by p.feature_set, p.version desc
)
select n.*, m.rows_read, m.seconds, m.ended_at
  from newest n
  left join lateral (
    select rows_read, seconds, ended_at from mlops.materializations
     where scope_id = $1 and feature_set = n.feature_set order by ended_at desc limit 1
  ) m on true
