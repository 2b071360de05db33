-- Predictions of each recorded endpoint in the last seven days, also under the names that it had: at most $2 of each name, the
-- newest, and when the oldest of these was.
-- Parameters: $1 scope, $2 how many are counted at most.
-- Rows: one an endpoint and name of it. Locks: none.
select r.name, newest.predictions, extract(epoch from clock_timestamp() - newest.since) / 86400 as days
  from mlops.resources r
 cross join lateral unnest(mlops.names_of($1, 'endpoint', r.name)) as called(name)
 cross join lateral (
   select count(*)::bigint as predictions, min(at) as since
     from (
       select at from mlops.predictions
        where scope_id = $1 and endpoint = called.name and at > clock_timestamp() - interval '7 days'
        order by at desc limit $2
     ) last
 ) newest
 where r.scope_id = $1 and r.kind = 'endpoint'
