-- Lets the oldest queued run of each schedule go, once no other run of it is under way.
-- Params: $1 scope. Rows: the runs released. Locks: those runs; skips runs that are locked.
with free as (
  select distinct on (h.schedule) h.run_id
  from mlops.runs h
  where h.scope_id = $1 and h.held and h.status = 'queued'
    and not exists (select 1 from mlops.runs o where o.scope_id = $1 and o.schedule = h.schedule and not o.held
                      and o.status in ('queued', 'running'))
  order by h.schedule, h.created_at, h.run_id
), locked as (
  select run_id from mlops.runs where run_id in (select run_id from free) and held for update skip locked
)
update mlops.runs r set held = false from locked where r.run_id = locked.run_id
returning r.run_id
