-- Registers the next version of each set unless its newest has the same digest and is not dropped. One whose rows come by
-- push alone has nothing to wait for and serves at once.
-- Parameters: $1 scope, $2 registrations as [{set, digest, structure}] (json), each set once.
-- Rows: one a set: feature_set, version. Locks: the caller holds the advisory locks of the sets, so that numbers have no gaps.
with asked as (
  select "set" as feature_set, digest, structure from json_to_recordset($2::json) as r ("set" text, digest text, structure json)
), newest as (
  select distinct on (v.feature_set) v.feature_set, v.version, v.digest, v.status
    from asked join mlops.feature_set_versions v on v.scope_id = $1 and v.feature_set = asked.feature_set
   order by v.feature_set, v.version desc
), added as (
  insert into mlops.feature_set_versions (scope_id, feature_set, version, digest, structure, status, serving_since)
  select $1, asked.feature_set, coalesce(newest.version, 0) + 1, asked.digest, asked.structure,
         case when pushed then 'serving' else 'registered' end, case when pushed then clock_timestamp() end
    from asked left join newest using (feature_set),
         lateral (select coalesce(asked.structure ->> 'source', asked.structure ->> 'query') is null as pushed) as rows_come
   where newest.version is null or newest.digest <> asked.digest or newest.status = 'dropped'
  returning feature_set, version
)
select feature_set, version from added
union all
select feature_set, version from newest where feature_set not in (select feature_set from added)
