-- All recorded resources of a scope.
-- $1 scope_id
-- Rows: one a resource, by address. Locks: none.
select address, kind, name, spec, digest, depends_on as "dependsOn", protect, managed_by as "managedBy", status, outputs,
       created_at as "createdAt", updated_at as "updatedAt"
from mlops.resources where scope_id = $1 order by address
