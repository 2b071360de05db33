-- Begins a change of the state by hand, on the state that it was decided on: as begin-apply does, without an apply.
-- $1 scope_id, $2 lineage or null, $3 serial
-- Rows: {serial}; none where lineage or serial moved. Locks: the scope's row and the open applies' rows.
with scope as (
  update mlops.scopes
  set lineage = coalesce(lineage, gen_random_uuid()), serial = serial + 1, revision = revision + 1
  where scope_id = $1 and lineage is not distinct from $2::uuid and serial = $3::bigint
  returning serial
), interrupted as (
  update mlops.applies set ended_at = clock_timestamp(), outcome = 'interrupted'
  where scope_id = $1 and ended_at is null and exists (select from scope)
)
select serial, pg_notify('mlops_resources', $1::text) from scope
