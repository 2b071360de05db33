-- Registers the next version of each set unless its newest has the same digest and is not dropped. One whose rows come by
-- push alone has nothing to wait for and serves at once, unless one before it serves whose rows are to be carried over. A set that takes the name that another one had goes on after that
-- one's numbers: its rows lie in the folders of these.
-- Parameters: $1 scope, $2 registrations as [{set, digest, structure}] (json), each set once.
-- Rows: one a set: feature_set (as asked), version. Locks: the caller holds the advisory locks of the sets and their pushes: no number is given twice.
with asked as (
  select "set" as asked_as, mlops.current_name($1, 'feature_set', "set") as feature_set, digest, structure from json_to_recordset($2::json) as r ("set" text, digest text, structure json)
), newest as (
  select distinct on (v.feature_set) v.feature_set, v.version, v.digest, v.status
    from asked join mlops.feature_set_versions v on v.scope_id = $1 and v.feature_set = asked.feature_set
   order by v.feature_set, v.version desc
), added as (
  insert into mlops.feature_set_versions (scope_id, feature_set, version, storage, digest, structure, status, serving_since, pushes_since)
  select $1, asked.feature_set, 1 + greatest(coalesce(newest.version, 0), (
           select coalesce(max(v.version), 0) from mlops.feature_set_versions v
            where v.scope_id = $1 and v.storage = asked.feature_set)), asked.feature_set, asked.digest, asked.structure,
         case when at_once then 'serving' else 'registered' end, case when at_once then clock_timestamp() end,
         case when newest.version is null or newest.status = 'dropped' then 0 else nextval('mlops.feature_sequence') end
    from asked left join newest using (feature_set),
         lateral (
           select coalesce(asked.structure ->> 'source', asked.structure ->> 'query') is null and not exists (
                    select from mlops.feature_set_versions v
                     where v.scope_id = $1 and v.feature_set = asked.feature_set and v.status = 'serving'
                       and (exists (select from mlops.feature_parts p where (p.scope_id, p.feature_set, p.version) = (v.scope_id, v.feature_set, v.version))
                         or exists (select from mlops.feature_updates u where (u.scope_id, u.feature_set, u.version) = (v.scope_id, v.feature_set, v.version)))
                  ) as at_once
         ) as rows_come
   where newest.version is null or newest.digest <> asked.digest or newest.status = 'dropped'
  returning feature_set, version
)
select asked_as as feature_set, version from added join asked using (feature_set)
union all
select asked_as, version from newest join asked using (feature_set) where feature_set not in (select feature_set from added)
