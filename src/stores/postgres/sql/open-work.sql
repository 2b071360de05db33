-- Whether there may be anything to do for those who look again and again: one look in place of many that find nothing.
-- Each part reads the first entry of an index that holds nothing but what is open, in its order, so that no other plan looks cheaper.
-- Params: $1 scope. Rows: one.
select
  (select true from mlops.runs where scope_id = $1 and status in ('queued', 'running') order by scope_id, schedule, created_at limit 1) is not null
  or (select true from mlops.task_attempts where scope_id = $1 and ended_at is null order by scope_id, node, lease_until limit 1) is not null
  or (select true from mlops.deferred_tasks where scope_id = $1 order by scope_id, check_at limit 1) is not null as runs,
  (select true from mlops.trigger_events where scope_id = $1 and handled_at is null order by scope_id, event_id limit 1) is not null as events,
  (select true from mlops.backfills where scope_id = $1 and status = 'running' order by scope_id limit 1) is not null as backfills
