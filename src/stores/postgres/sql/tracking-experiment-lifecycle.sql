-- Deletes or restores an experiment, and all of its runs with it. Params: $1 scope, $2 number, $3 from, $4 to, $5 now.
-- Rows: one where it was as $3 says.
with changed as (
  update mlops.experiments set lifecycle = $4, updated_ms = $5
  where scope_id = $1 and number = $2 and lifecycle = $3
  returning experiment_key
), runs as (
  update mlops.tracked_runs r set lifecycle = $4 from changed c where r.experiment_key = c.experiment_key and r.lifecycle <> $4
)
select experiment_key from changed
