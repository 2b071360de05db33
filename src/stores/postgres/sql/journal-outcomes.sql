-- Makes a batch of outcomes durable. Done: the resource is ready or gone, one audit entry says so, and the history has it.
-- Failed: the step and the resource hold what it failed with, and the resource keeps its intermediate status.
-- $1 scope_id, $2 apply_id,
-- $3 json array of {step, address, outputs, failure, code}: failure null when done
-- Rows: one if the apply is still open (the guard), none if it was ended by another; then nothing is written.
-- Locks: the apply's row, shared, and the scope's row, until the statement's end.
with guard as (
  select apply_id, who, operation, git_commit, plan_digest, serial_after from mlops.applies
  where apply_id = $2 and scope_id = $1 and ended_at is null
  for share
), item as (
  select i.* from guard, json_to_recordset($3::json) as i (step integer, address text, outputs json, failure text, code text)
), step as (
  update mlops.apply_steps as s set ended_at = clock_timestamp(), failure = item.failure, code = item.code
  from item where s.apply_id = $2 and s.step = item.step
  returning s.address, s.action, s.reason, s.digest, s.ended_at, item.outputs, item.failure, item.code
), ready as (
  update mlops.resources as r
  set status = case when step.failure is null then 'ready' else r.status end,
      outputs = case when step.failure is null then step.outputs else r.outputs end,
      previous = case when step.failure is null then null else r.previous end,
      failure = case when step.failure is null then null else json_build_object(
        'code', step.code, 'message', step.failure, 'at', step.ended_at, 'who', guard.who, 'applyId', $2::uuid) end,
      updated_at = now()
  from step, guard
  where r.scope_id = $1 and r.address = step.address and (step.failure is not null or step.action <> 'delete')
  returning step.action, step.failure as failed, r.*
), gone as (
  delete from mlops.resources as r using step
  where r.scope_id = $1 and r.address = step.address and step.failure is null and step.action = 'delete'
  returning r.address
), entry as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail, apply_id, git_commit)
  select $1, guard.who, 'resource.' || step.action, step.address,
         json_build_object('planDigest', guard.plan_digest, 'reason', step.reason, 'digest', step.digest, 'outputs', step.outputs),
         $2, guard.git_commit
  from step, guard where step.failure is null
), change as (
  select ready.action, ready.address, json_build_object('kind', kind, 'name', name, 'spec', spec, 'digest', digest,
           'dependsOn', depends_on, 'protect', protect, 'managedBy', managed_by, 'outputs', outputs) as resource
  from ready where ready.failed is null
    -- What a rename in this apply made of it stands there already.
    and not exists (
      select from mlops.state_history h
      where h.scope_id = $1 and h.apply_id = $2 and h.address = ready.address and h.action in ('rename', 'update')
        and h.resource ->> 'digest' = ready.digest and (h.resource -> 'outputs')::jsonb = ready.outputs::jsonb
        and (h.resource -> 'dependsOn')::jsonb = to_jsonb(ready.depends_on)
        and (h.resource ->> 'protect')::boolean = ready.protect and h.resource ->> 'managedBy' = ready.managed_by)
  union all select 'delete', address, null from gone
), history as (
  insert into mlops.state_history (scope_id, serial, who, operation, apply_id, git_commit, action, address, resource)
  select $1, guard.serial_after, guard.who, guard.operation, $2, guard.git_commit, change.action, change.address, change.resource
  from change, guard
), revision as (
  update mlops.scopes set revision = revision + 1
  where scope_id = $1 and exists (select from step where failure is null)
)
select apply_id from guard
