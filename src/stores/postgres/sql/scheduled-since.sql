-- Since when feature sets have the schedule that they have: the oldest entry of their history from which on it stayed as it is.
-- A set is followed through its renames.
-- Parameters: $1 scope, $2 sets (text[]).
-- Rows: {feature_set, since}. Locks: none.
with entries as (
  select s.feature_set, h.entry_id, h.at, (h.resource -> 'spec' -> 'materialize' ->> 'cron') as cron,
         (h.resource -> 'spec' -> 'materialize' ->> 'timezone') as timezone
    from unnest($2::text[]) as s (feature_set)
    join mlops.state_history h
      on h.scope_id = $1
     and h.address in (select 'feature_set.' || name from unnest(mlops.names_of($1, 'feature_set', s.feature_set)) as name)
), steps as (
  select *, (cron, timezone) is distinct from (lag(cron) over earlier, lag(timezone) over earlier) as changed
    from entries
  window earlier as (partition by feature_set order by entry_id)
)
select feature_set, max(at) as since from steps where changed group by feature_set
