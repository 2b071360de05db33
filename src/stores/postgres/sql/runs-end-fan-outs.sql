-- Ends tasks whose items are all at their ends: with their outputs in order, or with the names of the first that failed.
-- Params, one element a task: $1 runs, $2 positions, $3 states. Rows: the tasks with their errors.
update mlops.tasks t set
  status      = c.becomes,
  finished_at = clock_timestamp(),
  outputs     = case when c.becomes = 'succeeded' then
    (select json_agg(coalesce(i.outputs, 'null') order by i.ordinal) from mlops.tasks i where i.run_id = t.run_id and i.parent = t.ordinal) end,
  error       = case when c.becomes <> 'succeeded' then
    t.items_failed || ' of ' || t.items || ' items did not succeed: ' ||
    (select string_agg(f.name, ', ' order by f.ordinal) from
       (select i.name, i.ordinal from mlops.tasks i
        where i.run_id = t.run_id and i.parent = t.ordinal and i.status in ('failed', 'timed_out', 'crashed', 'cancelled')
        order by i.ordinal limit 3) f) || case when t.items_failed > 3 then ', …' else '' end end
from unnest($1::uuid[], $2::integer[], $3::text[]) as c(run_id, ordinal, becomes)
where t.run_id = c.run_id and t.ordinal = c.ordinal
returning t.run_id, t.ordinal, t.error
