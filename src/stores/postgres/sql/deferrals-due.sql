-- Waiting tasks that it is time to look at; nobody else gets them before the next time. What waits no more (its run was
-- cancelled, its deadline passed) is forgotten. Params: $1 scope, $2 limit. Rows: run, task, attempt. Locks: those; skips locked ones.
with due as (
  select d.run_id, d.ordinal, t.name, t.status = 'retrying' and t.attempt = d.attempt as waits, d.resumed
  from mlops.deferred_tasks d join mlops.tasks t using (run_id, ordinal)
  where d.scope_id = $1 and d.check_at <= clock_timestamp()
  order by d.check_at limit $2
  for update of d skip locked
), forgotten as (
  delete from mlops.deferred_tasks d using due where d.run_id = due.run_id and d.ordinal = due.ordinal and not due.waits
)
update mlops.deferred_tasks d set check_at = clock_timestamp() + d.every_ms * interval '1 millisecond'
from due where d.run_id = due.run_id and d.ordinal = due.ordinal and due.waits and not due.resumed
returning d.run_id, due.name, d.attempt
