-- Which version was in production at a time: the last move by then that touched production put it there, or took it away.
-- Moves keep the name that the model had: they are found by its versions.
-- Params: $1 scope, $2 model, by its name or a former one, $3 time. Rows: {version_id}, none or one.
select version_id from (
  select version_id, to_stage from mlops.stage_moves
  where version_id in (select version_id from mlops.model_versions where scope_id = $1 and model = mlops.current_name($1, 'model', $2))
    and at <= $3 and 'production' in (from_stage, to_stage)
  order by move_id desc
  limit 1
) last where to_stage = 'production'
