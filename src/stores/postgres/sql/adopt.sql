-- Takes resources over from the HTTP interface as they are recorded. One that was changed since it was read is left alone.
-- $1 scope_id, $2 [{address, digest}] (json), $3 who
-- Rows: {address} of each that was taken over. Locks: the resources' and the scope's rows.
with adopted as (
  update mlops.resources as r set managed_by = 'apply', updated_at = now()
  from json_to_recordset($2) as asked (address text, digest text)
  where r.scope_id = $1 and r.address = asked.address and r.digest = asked.digest
    and r.managed_by = 'api' and r.status = 'ready'
  returning r.*
), scope as (
  update mlops.scopes set serial = serial + 1, revision = revision + 1
  where scope_id = $1 and exists (select from adopted)
  returning serial
), history as (
  insert into mlops.state_history (scope_id, serial, who, operation, action, address, resource)
  select $1, scope.serial, $3, 'import', 'update', address,
         json_build_object('kind', kind, 'name', name, 'spec', spec, 'digest', digest, 'dependsOn', depends_on,
           'protect', protect, 'managedBy', managed_by, 'outputs', outputs)
  from adopted, scope order by address
), entry as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail)
  select $1, $3, 'resource.adopt', address, json_build_object('digest', digest) from adopted order by address
)
select address, pg_notify('mlops_resources', $1::text) from adopted
