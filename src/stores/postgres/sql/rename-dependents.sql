-- What depends on a renamed resource under its new name: as worked out, with one entry of the history for each that is in it.
-- $1 scope_id, $2 json array of {address, spec, digest, dependsOn, outputs, previous, past}, $3 serial, $4 who, $5 operation,
-- $6 apply_id or null, $7 git_commit or null
-- Rows: none. Locks: these resources.
with item as (
  select * from json_to_recordset($2::json) as i (
    address text, spec json, digest text, "dependsOn" json, outputs json, previous json, past json)
), changed as (
  update mlops.resources as r
  set spec = item.spec, digest = item.digest, depends_on = array(select json_array_elements_text(item."dependsOn")),
      outputs = item.outputs, previous = item.previous
  from item where r.scope_id = $1 and r.address = item.address
)
insert into mlops.state_history (scope_id, serial, who, operation, apply_id, git_commit, action, address, resource)
select $1, $3::bigint, $4, $5, $6::uuid, $7, 'update', address, past
from item where past is not null
order by address collate "C"
