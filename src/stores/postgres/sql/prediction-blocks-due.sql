-- Blocks that are to move to the offline store: of each endpoint and day the oldest, where one has waited or there are many rows.
-- Params: $1 scope, $2 milliseconds that one has waited, $3 rows that need not wait, and that are moved together at most (and a block more).
with waiting as (
  select block_id, endpoint, at, rows, (at at time zone 'UTC')::date as day,
    sum(rows) over (partition by endpoint, (at at time zone 'UTC')::date order by at, block_id) as so_far
  from mlops.prediction_blocks_waiting
  where scope_id = $1
)
select endpoint, day::text as day, array_agg(block_id order by at, block_id) as ids, sum(rows)::integer as rows
from waiting
where so_far - rows < $3
group by endpoint, day
having min(at) < clock_timestamp() - $2::double precision * interval '1 millisecond' or sum(rows) >= $3
order by day, endpoint
