-- What a transaction changed of runs themselves, and the hints at it. The caller holds their locks.
-- Params, one element a run: $1 runs, $2 states, $3 last numbers of their events, $4 open tasks, $5 payloads of the hints,
-- $6 false where a task ended otherwise than succeeded: the run is plain no more. Rows: one a run.
with changed as (
  update mlops.runs r set
    status      = c.status,
    event_seq   = c.event_seq,
    open_tasks  = c.open_tasks,
    plain       = r.plain and c.succeeds,
    started_at  = case when c.status in ('queued', 'cancelled') then r.started_at else coalesce(r.started_at, clock_timestamp()) end,
    finished_at = case when c.status = r.status then r.finished_at
                       when c.status in ('succeeded', 'failed', 'cancelled') then clock_timestamp() end
  from unnest($1::uuid[], $2::text[], $3::bigint[], $4::integer[], $6::boolean[]) as c(run_id, status, event_seq, open_tasks, succeeds)
  where r.run_id = c.run_id
)
select pg_notify('mlops_runs', payload) from unnest($5::text[]) as hint(payload)
