-- One run. Params: $1 scope, $2 run. Rows: one or none.
select run_id, pipeline, spec, params, cause, git_commit, status, cancelled_by, created_at, started_at, finished_at
from mlops.runs where scope_id = $1 and run_id = $2
