-- What depends on a renamed resource depends on it under its new name. Lists stay sorted.
-- $1 scope_id, $2 old address, $3 new address
-- Rows: none. Locks: the resources that name it.
update mlops.resources as r
set depends_on = array(select a from unnest(array_replace(r.depends_on, $2, $3)) as a order by a collate "C"),
    previous = case when r.previous is null then null else json_build_object(
      'spec', r.previous -> 'spec', 'digest', r.previous ->> 'digest',
      'dependsOn', array(
        select a from unnest(array_replace(array(select json_array_elements_text(r.previous -> 'dependsOn')), $2, $3)) as a
        order by a collate "C")) end
where scope_id = $1
  and ($2 = any(depends_on)
       or previous is not null and $2 in (select json_array_elements_text(previous -> 'dependsOn')))
