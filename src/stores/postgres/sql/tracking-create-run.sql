-- Makes a run. Params: $1 id, $2 experiment key, $3 name, $4 user, $5 started, $6 artifact URI, $7 tags. Rows: one where the id was new.
with made as (
  insert into mlops.tracked_runs (run_id, experiment_key, name, user_id, started_ms) values ($1::uuid, $2::bigint, $3::text, $4::text, $5::bigint)
  on conflict (run_id) do nothing
  returning run_id
), data as (
  insert into mlops.tracked_run_data (run_id, artifact_uri, tags) select run_id, $6::text, $7::jsonb from made
), tags as (
  insert into mlops.run_tags (experiment_key, key, value, run_id) select $2::bigint, t.key, t.value, made.run_id from made, jsonb_each_text($7::jsonb) t
)
select run_id from made
