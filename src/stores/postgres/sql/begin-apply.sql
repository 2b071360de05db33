-- Opens an apply on the state that its plan was made from. What another apply left open is ended as interrupted: the
-- caller holds the scope's lock, so nobody works on it, and a process that comes back late finds its journal closed.
-- $1 scope_id, $2 lineage or null, $3 serial, $4 who, $5 plan_digest, $6 spec_digest, $7 git_commit or null, $8 root, $9 changes, $10 operation
-- Rows: {apply_id}; none where lineage or serial moved.
-- Locks: the scope's row and the open applies' rows, until the transaction's end.
with scope as (
  update mlops.scopes
  set lineage = coalesce(lineage, gen_random_uuid()), serial = serial + 1, root = $8, revision = revision + 1
  where scope_id = $1 and lineage is not distinct from $2::uuid and serial = $3::bigint
  returning serial
), interrupted as (
  update mlops.applies set ended_at = clock_timestamp(), outcome = 'interrupted'
  where scope_id = $1 and ended_at is null and exists (select from scope)
)
insert into mlops.applies (scope_id, who, serial_before, serial_after, plan_digest, spec_digest, git_commit, changes, operation)
select $1, $4, serial - 1, serial, $5, $6, $7, $9::integer, $10 from scope
returning apply_id
