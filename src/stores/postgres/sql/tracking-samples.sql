-- At most $3 values of a metric of each run, evenly over what it logged, with the first and the last, by run and step.
-- Params: $1 runs, $2 key, $3 how many, $4 and $5 first and last step, or null. Rows: {run_id, value, at_ms, step}.
with placed as (
  select p.run_id, p.value, p.at_ms, p.step, ordinality as run_place,
    ntile($3::integer) over (partition by p.run_id order by p.step, p.at_ms, p.value) as bucket,
    row_number() over (partition by p.run_id order by p.step desc, p.at_ms desc, p.value desc) as from_last
  from unnest($1::uuid[]) with ordinality as r(run_id) join mlops.metric_points p using (run_id)
  where p.key = $2 and ($4::bigint is null or p.step between $4 and $5)
), picked as (
  select *, row_number() over (partition by run_id, bucket order by step, at_ms, value) as in_bucket, max(bucket) over (partition by run_id) as buckets
  from placed
)
select run_id, value, at_ms, step from picked
-- The last value stands for the last bucket where every bucket is taken.
where from_last = 1 or in_bucket = 1 and not (bucket = $3 and buckets = $3)
order by run_place, step, at_ms, value
