-- A registered model with its labels, by its name or a former one.
-- Params: $1 scope, $2 model. Rows: {id} and the model, none or one. Locks: none.
select m.model_id as id, m.name, m.description, m.tags, m.created_at as "createdAt", m.updated_at as "updatedAt",
       coalesce((select json_object_agg(a.alias, v.version order by a.alias)
                   from mlops.model_aliases a join mlops.model_versions v using (version_id)
                  where a.scope_id = m.scope_id and a.model = m.name), '{}') as aliases,
       (select count(*)::integer from mlops.model_versions v
         where v.scope_id = m.scope_id and v.model = m.name and v.deleted_at is null) as versions,
       coalesce((select max(v.version) from mlops.model_versions v
                  where v.scope_id = m.scope_id and v.model = m.name and v.deleted_at is null), 0) as latest
  from mlops.models m
 where m.scope_id = $1 and m.name = mlops.current_name($1, 'model', $2) and m.deleted_at is null
