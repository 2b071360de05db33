-- Counts ends of tasks at those after them that still are pending: after a retry others have counted them before. The caller holds the run's lock.
-- Params: $1 run, $2 json array of {ordinal, outcome}. Rows: the pending tasks among those, as they stand now.
with ends as (
  select d.ordinal,
         count(*) filter (where e.outcome = 'succeeded') as succeeded,
         count(*) filter (where e.outcome = 'failed') as failed,
         count(*) filter (where e.outcome = 'skipped') as skipped
  from json_to_recordset($2) as e(ordinal integer, outcome text)
  join mlops.tasks u on u.run_id = $1 and u.ordinal = e.ordinal
  cross join unnest(u.dependents) as d(ordinal)
  group by d.ordinal
), counted as (
  update mlops.tasks t set
    needs_succeeded = t.needs_succeeded + ends.succeeded,
    needs_failed    = t.needs_failed + ends.failed,
    needs_skipped   = t.needs_skipped + ends.skipped
  from ends
  where t.run_id = $1 and t.ordinal = ends.ordinal and t.status = 'pending'
  returning t.*
)
select ordinal, name, status, trigger_rule, when_expression, cardinality(needs) as needs_total,
       needs_succeeded, needs_failed, needs_skipped
from counted order by ordinal
