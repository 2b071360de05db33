-- What a run logs, after its row was locked. Params: $1 run, $2 experiment key, $3 parameters, $4 tags, $5 points of metrics as
-- [key, time, step, value as text], $6 the newest of each metric where it changed as {key: [value, time, step]}, $7 new name or null.
with points as (
  insert into mlops.metric_points (run_id, key, at_ms, step, value)
  select $1::uuid, p ->> 0, (p ->> 1)::bigint, (p ->> 2)::bigint, (p ->> 3)::double precision from jsonb_array_elements($5::jsonb) p
  on conflict do nothing
), newest as (
  insert into mlops.run_metrics (experiment_key, key, value, run_id)
  select $2::bigint, m.key, (m.value ->> 0)::double precision, $1::uuid from jsonb_each($6::jsonb) m
  on conflict (run_id, key) do update set value = excluded.value
), params as (
  insert into mlops.run_params (experiment_key, key, value, run_id) select $2::bigint, p.key, p.value, $1::uuid from jsonb_each_text($3::jsonb) p
  on conflict (run_id, key) do update set value = excluded.value where run_params.value <> excluded.value
), tags as (
  insert into mlops.run_tags (experiment_key, key, value, run_id) select $2::bigint, t.key, t.value, $1::uuid from jsonb_each_text($4::jsonb) t
  on conflict (run_id, key) do update set value = excluded.value where run_tags.value <> excluded.value
), named as (
  update mlops.tracked_runs set name = $7 where run_id = $1 and $7::text is not null
)
update mlops.tracked_run_data set params = params || $3::jsonb, tags = tags || $4::jsonb, metrics = metrics || $6::jsonb where run_id = $1
