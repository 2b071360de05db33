-- Which version was in production at a time: the last move by then that touched production put it there, or took it away.
-- Params: $1 scope, $2 model, $3 time. Rows: {version_id}, none or one.
select version_id from (
  select version_id, to_stage from mlops.stage_moves
  where scope_id = $1 and model = $2 and at <= $3 and 'production' in (from_stage, to_stage)
  order by move_id desc
  limit 1
) last where to_stage = 'production'
