-- What refers to a model or to versions of it in recorded resources: any part of a spec that names the model as its `model` (variants,
-- shadows, members of ensembles, tasks), with the version or stage that it follows beside it; and its own declaration.
-- Params: $1 scope, $2 model, by the name that it has.
-- Rows: {address, version, stage}, a part each; null where the part does not say. Locks: none.
select r.address, part ->> 'version' as version, part ->> 'stage' as stage
  from mlops.resources r,
       jsonb_path_query(r.spec::jsonb, 'strict $.** ? (@.type() == "object" && exists(@.model))', '{}', true) as part
 where r.scope_id = $1 and r.status <> 'deleting' and r.kind <> 'model'
   and mlops.current_name($1, 'model', regexp_replace(part ->> 'model', '^model\.', '')) = $2
union
select address, null, null from mlops.resources
 where scope_id = $1 and address = 'model.' || $2 and managed_by = 'apply' and status <> 'deleting'
 order by 1
