-- Moves tasks of one run from one state to another. The caller holds the run's lock.
-- Params: $1 run, $2 json array of {ordinal, from, to, attempt, failures, recoveries, retry_in_ms, exit_code, error, outputs}.
-- Rows: the ordinals that were in the state `from`. Locks: those tasks.
update mlops.tasks t set
  status      = c."to",
  attempt     = coalesce(c.attempt, t.attempt),
  failures    = coalesce(c.failures, t.failures),
  recoveries  = coalesce(c.recoveries, t.recoveries),
  exit_code   = c.exit_code,
  error       = c.error,
  outputs     = c.outputs,
  not_before  = case when c."to" = 'retrying' then clock_timestamp() + c.retry_in_ms * interval '1 millisecond' end,
  ready_at    = case c."to" when 'pending' then null when 'ready' then clock_timestamp() else t.ready_at end,
  deadline_at = case c."to" when 'pending' then null
                            when 'ready' then coalesce(t.deadline_at, clock_timestamp() + t.deadline_ms * interval '1 millisecond')
                            else t.deadline_at end,
  started_at  = case c."to" when 'pending' then null when 'running' then coalesce(t.started_at, clock_timestamp()) else t.started_at end,
  finished_at = case when c."to" in ('succeeded', 'failed', 'timed_out', 'crashed', 'cancelled', 'skipped', 'upstream_failed')
                     then clock_timestamp() end
from json_to_recordset($2) as c(ordinal integer, "from" text, "to" text, attempt integer, failures integer, recoveries integer,
       retry_in_ms double precision, exit_code integer, error text, outputs json)
where t.run_id = $1 and t.ordinal = c.ordinal and t.status = c."from"
returning t.ordinal
