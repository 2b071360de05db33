-- Lets held runs go: the oldest of each schedule, once no other run of it is under way, and as many of each pipeline as may be under
-- way at once. What of them is ready may be claimed. The caller holds the lock of the limits.
-- Params: $1 scope, $2 begin of the hints' payloads. Rows: one a run released. Locks: those runs; skips runs that are locked.
with held as (
  select h.run_id, h.pipeline, h.schedule, h.run_limit, h.created_at,
         row_number() over (partition by coalesce(h.schedule, h.run_id::text) order by h.created_at, h.run_id) as turn
  from mlops.runs h
  where h.scope_id = $1 and h.held and h.status = 'queued'
), next as (
  select held.run_id, held.pipeline, held.run_limit,
         row_number() over (partition by held.pipeline order by held.created_at, held.run_id) as place
  from held
  where turn = 1
    and (held.schedule is null
         or not exists (select 1 from mlops.runs o where o.scope_id = $1 and o.schedule = held.schedule and not o.held
                          and o.status in ('queued', 'running')))
), free as (
  select next.run_id from next
  where next.run_limit is null
     or next.place + (select count(*) from mlops.runs o where o.scope_id = $1 and o.pipeline = next.pipeline and not o.held
                        and o.status in ('queued', 'running')) <= next.run_limit
), locked as (
  select run_id from mlops.runs where run_id in (select run_id from free) and held for update skip locked
), released as (
  update mlops.runs r set held = false from locked where r.run_id = locked.run_id
  returning r.run_id
), queued as (
  update mlops.tasks t set queued = true from released where t.run_id = released.run_id and t.status = 'ready'
)
select pg_notify('mlops_runs', $2 || ' ' || run_id || ' work') from released
