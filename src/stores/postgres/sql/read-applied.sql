-- The resources as the services see them: as last applied. One that is being created is not there yet, one that is being
-- deleted is gone, one that is being updated is what it was before.
-- $1 scope_id
-- Rows: one a resource, by address. Locks: none.
select address, kind, name,
       case when previous is null then spec else previous -> 'spec' end as spec,
       case when previous is null then digest else previous ->> 'digest' end as digest,
       case when previous is null then depends_on
            else array(select json_array_elements_text(previous -> 'dependsOn')) end as "dependsOn",
       protect, managed_by as "managedBy", status, outputs, created_at as "createdAt", updated_at as "updatedAt"
from mlops.resources
where scope_id = $1 and (status = 'ready' or status = 'updating' and previous is not null)
order by address
