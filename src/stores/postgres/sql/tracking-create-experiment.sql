-- Makes an experiment under the next number of its scope; one whose name is taken takes no number, for the statement fails.
-- Params: $1 scope, $2 name, $3 artifact location or null: made from the number, $4 tags, $5 now. Locks: the scope's row of numbers.
with numbered as (
  insert into mlops.experiment_numbers as n (scope_id, last) values ($1::bigint, 1)
  on conflict (scope_id) do update set last = n.last + 1
  returning last
)
insert into mlops.experiments (scope_id, number, name, artifact_location, tags, created_ms, updated_ms)
select $1::bigint, last, $2::text, coalesce($3::text, 'mlflow-artifacts:/' || last), $4::jsonb, $5::bigint, $5::bigint from numbered
returning number, name, artifact_location, lifecycle, tags, created_ms, updated_ms
