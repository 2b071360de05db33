-- Moves tasks from one state to another. The caller holds their runs' locks.
-- Params, one element a task: $1 runs, $2 ordinals, $3 from, $4 to, $5 whether its run is held, $6 failures and $7 recoveries where they
-- are set anew, $8 errors, $9 what a waiting one waits for.
-- Rows: the tasks that were in the state `from`, with the position of the task whose item each is. Locks: those tasks.
update mlops.tasks t set
  status      = c.becomes,
  queued      = c.becomes in ('ready', 'waiting') and not c.held,
  failures    = coalesce(c.failures, t.failures),
  recoveries  = coalesce(c.recoveries, t.recoveries),
  exit_code   = null,
  error       = c.error,
  outputs     = null,
  not_before  = null,
  waiting_for = c.waiting_for,
  ready_at    = case c.becomes when 'pending' then null when 'ready' then clock_timestamp() else t.ready_at end,
  deadline_at = case c.becomes when 'pending' then null
                               when 'ready' then coalesce(t.deadline_at, clock_timestamp() + t.deadline_ms * interval '1 millisecond')
                               else t.deadline_at end,
  started_at  = case c.becomes when 'pending' then null else t.started_at end,
  finished_at = case when c.becomes in ('succeeded', 'failed', 'timed_out', 'crashed', 'cancelled', 'skipped', 'upstream_failed')
                     then clock_timestamp() end
from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::boolean[], $6::integer[], $7::integer[], $8::text[], $9::text[])
  as c(run_id, ordinal, was, becomes, held, failures, recoveries, error, waiting_for)
where t.run_id = c.run_id and t.ordinal = c.ordinal and t.status = c.was
returning t.run_id, t.ordinal, t.parent
