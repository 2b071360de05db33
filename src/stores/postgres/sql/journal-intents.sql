-- Makes a batch of intents durable: the steps, and each resource as creating, updating or deleting.
-- A resource that is updated keeps what was last applied in `previous`, also when an earlier update was cut off. A name that
-- is new is its own from now on: what had it before answers to it no more.
-- $1 scope_id, $2 apply_id,
-- $3 json array of {step, address, kind, name, action, reason, spec, digest, dependsOn, protect}, addresses distinct
-- Rows: one if the apply is still open (the guard), none if it was ended by another; then nothing is written.
-- Locks: the apply's row, shared, until the statement's end.
with guard as (
  select apply_id from mlops.applies
  where apply_id = $2 and scope_id = $1 and ended_at is null
  for share
), item as (
  select i.* from guard, json_to_recordset($3::json) as i (
    step integer, address text, kind text, name text, action text, reason text,
    spec json, digest text, "dependsOn" json, protect boolean)
), step as (
  insert into mlops.apply_steps (apply_id, step, address, action, reason, digest)
  select $2, step, address, action, reason, digest from item
), resource as (
  insert into mlops.resources as r
    (scope_id, address, kind, name, spec, digest, depends_on, protect, managed_by, status)
  select $1, address, kind, name, spec, digest,
         array(select json_array_elements_text("dependsOn")), protect, 'apply',
         case action when 'create' then 'creating' when 'update' then 'updating' else 'deleting' end
  from item
  on conflict (scope_id, address) do update set
    previous = case
      when excluded.status <> 'updating' then r.previous
      when r.status = 'ready' then json_build_object('spec', r.spec, 'digest', r.digest, 'dependsOn', r.depends_on)
      else r.previous end,
    spec = excluded.spec, digest = excluded.digest, depends_on = excluded.depends_on, protect = excluded.protect,
    managed_by = excluded.managed_by, status = excluded.status, failure = null, updated_at = now()
), own as (
  delete from mlops.former_names as f using item
  where f.scope_id = $1 and f.kind = item.kind and f.former = item.name and item.action = 'create'
), revision as (
  -- What goes away is to disappear before its data do.
  update mlops.scopes set revision = revision + 1
  where scope_id = $1 and exists (select from item where action = 'delete')
), told as (
  select pg_notify('mlops_resources', $1::text) from item where action = 'delete' limit 1
)
select guard.apply_id, (select count(*) from told) as told from guard
