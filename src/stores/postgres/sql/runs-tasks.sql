-- The tasks of a run in order. Params: $1 run. Rows: one a task.
select name, operator, needs, status, attempt, exit_code, error, outputs, progress, started_at, finished_at
from mlops.tasks where run_id = $1 order by ordinal
