-- One resource written outside an apply. Refused where an apply manages the address or is changing it.
-- $1 scope_id, $2 address, $3 kind, $4 name, $5 spec, $6 digest, $7 depends_on, $8 protect, $9 outputs, $10 who
-- Rows: {action} `create` or `update`; none where it is refused. Locks: the resource's and the scope's rows.
with resource as (
  insert into mlops.resources as r
    (scope_id, address, kind, name, spec, digest, depends_on, protect, managed_by, status, outputs)
  values ($1, $2, $3, $4, $5, $6, $7, $8, 'api', 'ready', $9)
  on conflict (scope_id, address) do update set
    spec = excluded.spec, digest = excluded.digest, depends_on = excluded.depends_on, protect = excluded.protect,
    outputs = excluded.outputs, updated_at = now()
  where r.managed_by = 'api' and r.status = 'ready'
  returning case when r.xmax = 0 then 'create' else 'update' end as action, r.*
), scope as (
  update mlops.scopes set serial = serial + 1, revision = revision + 1
  where scope_id = $1 and exists (select from resource)
  returning serial
), own as (
  delete from mlops.former_names as f using resource
  where f.scope_id = $1 and f.kind = $3 and f.former = $4 and resource.action = 'create'
), history as (
  insert into mlops.state_history (scope_id, serial, who, operation, action, address, resource)
  select $1, scope.serial, $10, 'api', action, address,
         json_build_object('kind', kind, 'name', name, 'spec', spec, 'digest', digest, 'dependsOn', depends_on,
           'protect', protect, 'managedBy', managed_by, 'outputs', outputs)
  from resource, scope
), entry as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail)
  select $1, $10, 'resource.' || action, $2, json_build_object('digest', $6::text, 'outputs', $9::json) from resource
)
select action, pg_notify('mlops_resources', $1::text) from resource
