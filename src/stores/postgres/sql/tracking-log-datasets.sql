-- Data sets that a run reads; one that it names already, or that the experiment knows already, stays as it is.
-- Params: $1 run, $2 experiment key, $3 [{name, digest, sourceType, source, schema, profile, tags}].
with given as (
  select distinct on (g.name, g.digest) g.*, a.place
  from json_array_elements($3::json) with ordinality as a(item, place)
  cross join lateral json_to_record(a.item) as g(name text, digest text, "sourceType" text, source text, schema text, profile text, tags jsonb)
  order by g.name, g.digest, a.place
), described as (
  insert into mlops.tracked_datasets (experiment_key, name, digest, source_type, source, schema, profile)
  select $2::bigint, name, digest, "sourceType", source, schema, profile from given
  on conflict do nothing
)
insert into mlops.run_datasets (run_id, experiment_key, name, digest, tags)
select $1::uuid, $2::bigint, name, digest, tags from given order by place
on conflict do nothing
