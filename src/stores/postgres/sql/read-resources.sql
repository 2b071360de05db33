-- All recorded resources of a scope. One whose update was cut off still works as it did before, so it depends on what it
-- needed then as well: that must not be destroyed under it.
-- $1 scope_id
-- Rows: one a resource, by address. Locks: none.
select address, kind, name, spec, digest,
       case when status = 'updating' and previous is not null
            then array(select unnest(depends_on) union select json_array_elements_text(previous -> 'dependsOn') order by 1)
            else depends_on end as "dependsOn",
       protect, managed_by as "managedBy", status, outputs,
       created_at as "createdAt", updated_at as "updatedAt"
from mlops.resources where scope_id = $1 order by address
