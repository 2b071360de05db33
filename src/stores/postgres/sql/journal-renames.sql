-- The steps of renames that were made in this transaction: intent, effect and outcome are one. The services are told.
-- $1 scope_id, $2 apply_id, $3 json array of {step, from, to}
-- Rows: none. Locks: the scope's row.
with item as (
  select * from json_to_recordset($3::json) as i (step integer, "from" text, "to" text)
), step as (
  insert into mlops.apply_steps (apply_id, step, address, previous_address, action, reason, digest, ended_at)
  select $2, item.step, item.to, item.from, 'rename', 'renamed from ' || item.from, r.digest, clock_timestamp()
  from item join mlops.resources r on r.scope_id = $1 and r.address = item.to
), revision as (
  update mlops.scopes set revision = revision + 1 where scope_id = $1
)
select pg_notify('mlops_resources', $1::text)
