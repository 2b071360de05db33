-- Makes a batch of outcomes durable. Done: the resource is ready or gone, and one audit entry says so. Failed: the step
-- holds the message, the resource keeps its intermediate status.
-- $1 scope_id, $2 apply_id,
-- $3 json array of {step, address, outputs, failure}: failure null when done
-- Rows: one if the apply is still open (the guard), none if it was ended by another; then nothing is written.
-- Locks: the apply's row, shared, and the scope's row, until the statement's end.
with guard as (
  select apply_id, who, git_commit, plan_digest from mlops.applies
  where apply_id = $2 and scope_id = $1 and ended_at is null
  for share
), item as (
  select i.* from guard, json_to_recordset($3::json) as i (step integer, address text, outputs json, failure text)
), step as (
  update mlops.apply_steps as s set ended_at = clock_timestamp(), failure = item.failure
  from item where s.apply_id = $2 and s.step = item.step
  returning s.address, s.action, s.reason, s.digest, item.outputs, item.failure
), ready as (
  update mlops.resources as r
  set status = 'ready', outputs = step.outputs, previous = null, updated_at = now()
  from step
  where r.scope_id = $1 and r.address = step.address and step.failure is null and step.action <> 'delete'
), gone as (
  delete from mlops.resources as r using step
  where r.scope_id = $1 and r.address = step.address and step.failure is null and step.action = 'delete'
), entry as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail, apply_id, git_commit)
  select $1, guard.who, 'resource.' || step.action, step.address,
         json_build_object('planDigest', guard.plan_digest, 'reason', step.reason, 'digest', step.digest, 'outputs', step.outputs),
         $2, guard.git_commit
  from step, guard where step.failure is null
), revision as (
  update mlops.scopes set revision = revision + 1
  where scope_id = $1 and exists (select from step where failure is null)
)
select apply_id from guard
