-- Predictions of each recorded endpoint in the last seven days, also under the names that it had: of at most $2 blocks of each name, the
-- newest; and, where there are more, over how many days these go.
-- Parameters: $1 scope, $2 how many are counted at most.
-- Rows: one an endpoint and name of it. Locks: none.
select r.name, newest.predictions, newest.days
  from mlops.resources r
 cross join lateral unnest(mlops.names_of($1, 'endpoint', r.name)) as called(name)
 cross join lateral (
   select coalesce(sum(answers), 0)::bigint as predictions,
          case when count(*) = $2 then extract(epoch from clock_timestamp() - min(at)) / 86400 end as days
     from (
       select at, answers from mlops.prediction_blocks
        where scope_id = $1 and endpoint = called.name and at > clock_timestamp() - interval '7 days'
        order by at desc limit $2
     ) last
 ) newest
 where r.scope_id = $1 and r.kind = 'endpoint'
