-- What may say the name of a renamed resource, each with how the history has it.
-- $1 scope_id, $2 old address, $3 new address, $4 a kind that may name it without depending on it, or null
-- Rows: {address, kind, spec, digest, dependsOn, outputs, previous, past}: previous and past null where there is none.
-- Locks: these resources.
select r.address, r.kind, r.spec, r.digest, r.depends_on as "dependsOn", r.outputs, r.previous,
       case when h.entry_id > coalesce(left_at.entry_id, 0) then h.resource end as past
from mlops.resources r
left join lateral (
  select entry_id, resource from mlops.state_history
  where scope_id = $1 and address = r.address order by entry_id desc limit 1
) as h on true
left join lateral (
  select entry_id from mlops.state_history
  where scope_id = $1 and previous_address = r.address order by entry_id desc limit 1
) as left_at on true
where r.scope_id = $1 and r.address <> $3
  and ($2 = any(r.depends_on) or r.kind = $4
       or r.previous is not null and $2 in (select json_array_elements_text(r.previous -> 'dependsOn')))
order by r.address
for update of r
