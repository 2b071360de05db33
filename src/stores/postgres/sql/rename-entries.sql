-- One entry of the history and one of the audit log for a rename. What was being created has no history yet.
-- $1 scope_id, $2 old address, $3 new address, $4 serial, $5 who, $6 operation, $7 apply_id or null, $8 git_commit or null,
-- $9 plan digest or null
-- Rows: none. Locks: none.
with entry as (
  insert into mlops.state_history
    (scope_id, serial, who, operation, apply_id, git_commit, action, address, previous_address, resource)
  select $1, $4::bigint, $5::text, $6, $7::uuid, $8::text, 'rename', $3, $2,
         json_build_object('kind', kind, 'name', name,
           'spec', coalesce(previous -> 'spec', spec), 'digest', coalesce(previous ->> 'digest', digest),
           'dependsOn', coalesce(previous -> 'dependsOn', to_json(depends_on)),
           'protect', protect, 'managedBy', managed_by, 'outputs', outputs)
  from mlops.resources where scope_id = $1 and address = $3 and (status = 'ready' or previous is not null)
)
insert into mlops.audit_log (scope_id, who, action, subject, detail, apply_id, git_commit)
values ($1, $5::text, 'resource.rename', $3, json_build_object('from', $2::text, 'planDigest', $9::text), $7::uuid, $8::text)
