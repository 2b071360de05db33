-- Who asks for older versions of feature sets by their number: readers over HTTP whose last read came after a newer version served, when
-- whoever names none reads that one. A minute is left for those that did not know of it yet, and for counters on their way.
-- Parameters: $1 scope, $2 set, by its name or a former one, or null for all, $3 for how many milliseconds a read counts.
-- Rows: one a version and reader, with its last read. Locks: none.
select u.feature_set, u.version, u.reader, max(u.last_at) as last_at
  from mlops.feature_usage u
  join mlops.feature_set_versions v on v.scope_id = u.scope_id and v.feature_set = u.feature_set and v.version = u.version
 cross join lateral (
   select min(n.serving_since) as since from mlops.feature_set_versions n
    where n.scope_id = v.scope_id and n.feature_set = v.feature_set and n.version > v.version and n.status = 'serving'
 ) newer
 where u.scope_id = $1 and ($2::text is null or u.feature_set = mlops.current_name($1, 'feature_set', $2))
   and v.status in ('registered', 'serving') and (u.reader = 'http' or u.reader like 'key:%')
   and u.last_at > newer.since + interval '1 minute'
   and u.last_at > clock_timestamp() - $3 * interval '1 millisecond'
 group by u.feature_set, u.version, u.reader
 order by 1, 2, 3
