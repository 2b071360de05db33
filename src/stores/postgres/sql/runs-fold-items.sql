-- Counts ends of items' tasks at the tasks whose items they are. The caller holds the runs' locks.
-- Params, one element an end: $1 runs, $2 positions of the tasks whose items they are, $3 outcomes.
-- Rows: those of these tasks whose items are all at their ends.
with counts as (
  select e.run_id, e.parent, count(*)::integer as ended, count(*) filter (where e.outcome = 'failed')::integer as failed
  from unnest($1::uuid[], $2::integer[], $3::text[]) as e(run_id, parent, outcome)
  group by e.run_id, e.parent
), folded as (
  update mlops.tasks t set items_open = t.items_open - c.ended, items_failed = t.items_failed + c.failed
  from counts c where t.run_id = c.run_id and t.ordinal = c.parent
  returning t.run_id, t.ordinal, t.name, t.attempt, t.items_open, t.items_failed
)
select run_id, ordinal, name, attempt, items_failed as failed from folded where items_open = 0
