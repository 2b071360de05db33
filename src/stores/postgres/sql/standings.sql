-- When the newest version of each feature set was last filled, and whether a run of its own schedule is under way.
-- Parameters: $1 scope, $2 set or null for all.
-- Rows: {feature_set, version, registered_at, filled_at, under_way}. Locks: none.
select v.feature_set, v.version, v.registered_at, f.at as filled_at,
       exists (select from mlops.runs r
                where r.scope_id = v.scope_id and r.pipeline = 'feature_set.' || v.feature_set
                  and r.status in ('queued', 'running')) as under_way
  from (select distinct on (feature_set) *
          from mlops.feature_set_versions
         where scope_id = $1 and status in ('registered', 'serving')
           and ($2::text is null or feature_set = mlops.current_name($1, 'feature_set', $2))
         order by feature_set, version desc) v
  left join lateral (select at from mlops.online_fills
                      where (scope_id, feature_set, version) = (v.scope_id, v.feature_set, v.version)
                      order by at desc limit 1) f on true
