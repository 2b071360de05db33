-- Counts the ends before the pending tasks of a run anew. The caller holds the run's lock.
-- Params: $1 run. Rows: the pending tasks as they stand now.
with ends as (
  select d.ordinal,
         count(*) filter (where u.status = 'succeeded') as succeeded,
         count(*) filter (where u.status in ('failed', 'timed_out', 'crashed', 'cancelled', 'upstream_failed')) as failed,
         count(*) filter (where u.status = 'skipped') as skipped
  from mlops.tasks u cross join unnest(u.dependents) as d(ordinal)
  where u.run_id = $1
  group by d.ordinal
), counted as (
  update mlops.tasks t set
    needs_succeeded = coalesce(ends.succeeded, 0),
    needs_failed    = coalesce(ends.failed, 0),
    needs_skipped   = coalesce(ends.skipped, 0)
  from mlops.tasks p left join ends on ends.ordinal = p.ordinal
  where p.run_id = $1 and t.run_id = $1 and t.ordinal = p.ordinal and p.status = 'pending'
  returning t.*
)
select run_id, ordinal, name, trigger_rule, when_expression, cardinality(needs) as needs_total,
       needs_succeeded, needs_failed, needs_skipped
from counted order by ordinal
