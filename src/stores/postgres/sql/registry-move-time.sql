-- The time of a model's next move. Never before its last one, whatever the server's clock does.
-- Params: $1 scope, $2 model. Rows: {at}, one. Locks: the caller holds the model's.
select greatest(date_trunc('milliseconds', clock_timestamp()), max(at)) as at
from mlops.stage_moves
where version_id in (select version_id from mlops.model_versions where scope_id = $1 and model = mlops.current_name($1, 'model', $2))
