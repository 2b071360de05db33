-- Blocks of an endpoint that have predictions of some requests. Which of the requests' rows they are, their own rows tell.
-- Params: $1 scope, $2 endpoint, $3 request ids.
select b.block_id as "blockId"
from mlops.prediction_blocks b
where b.scope_id = $1
  and b.endpoint = any(mlops.names_of($1, 'endpoint', $2))
  and b.requests && (select array_agg(hashtextextended(id, $1)) from unnest($3::text[]) as id)
