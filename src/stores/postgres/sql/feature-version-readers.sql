-- Versions of models that name, in their lineage, the versions of feature sets that they learned from: those in a stage, those
-- that were in production (which of them a rollback returns to, the moves say), the newest of each model, and those that
-- endpoints are pinned to, for a variant, a member of an ensemble, to stack its members or for a shadow.
-- Parameters: $1 scope, $2 set, by its name or a former one, or null for all.
-- Rows: one a model version and version of a set. Locks: none.
with variants as (
  select variant.value as variant
    from mlops.resources r
   cross join lateral json_each(case when json_typeof(r.spec -> 'variants') = 'object' then r.spec -> 'variants' else '{}' end) as variant
   where r.scope_id = $1 and r.kind = 'endpoint' and r.status <> 'deleting'
), named as (
  select variant as one from variants
  union all
  select variant #> '{ensemble,combine,stacking}' from variants
  union all
  select member.value
    from variants
   cross join lateral json_each(case when json_typeof(variant #> '{ensemble,members}') = 'object' then variant #> '{ensemble,members}' else '{}' end) as member
  union all
  select shadow.value
    from mlops.resources r
   cross join lateral json_each(case when json_typeof(r.spec -> 'shadows') = 'object' then r.spec -> 'shadows' else '{}' end) as shadow
   where r.scope_id = $1 and r.kind = 'endpoint' and r.status <> 'deleting'
), pinned as (
  select mlops.current_name($1, 'model', one ->> 'model') as model, (one ->> 'version')::integer as version
    from named
   where one ->> 'version' is not null
)
select v.model, v.version as model_version, v.stage, v.version = m.newest as newest,
       exists (select from pinned p where p.model = v.model and p.version = v.version) as pinned,
       mlops.current_name($1, 'feature_set', learned.key) as feature_set, learned.value::integer as version
  from mlops.model_versions v
  join (select model, max(version) as newest from mlops.model_versions where scope_id = $1 and deleted_at is null group by model) m
    on m.model = v.model
 cross join lateral json_each_text(
         case when json_typeof(v.lineage #> '{dataset,feature_set_versions}') = 'object'
              then v.lineage #> '{dataset,feature_set_versions}' else '{}' end) as learned
 where v.scope_id = $1 and v.deleted_at is null and learned.value ~ '^[1-9][0-9]{0,8}$'
   and ($2::text is null or mlops.current_name($1, 'feature_set', learned.key) = mlops.current_name($1, 'feature_set', $2))
   and (v.stage <> 'development' or v.version = m.newest
        or exists (select from pinned p where p.model = v.model and p.version = v.version))
 order by 6, 7, 1, 2
