-- Who read which feature online, over all versions of its set, within so many days.
-- Parameters: $1 scope, $2 days.
-- Rows: {feature_set, feature, reader, reads}. Locks: none.
select r.feature_set, r.feature, r.reader, sum(r.reads)::bigint as reads
  from mlops.feature_reads r
 where r.scope_id = $1 and r.day > (clock_timestamp() at time zone 'UTC')::date - $2::int
   and r.reader !~ '^(training|history):'
 group by 1, 2, 3
 order by 1, 2, 4 desc, 3
