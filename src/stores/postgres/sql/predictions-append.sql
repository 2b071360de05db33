-- Logs predictions, each once: written again after an answer that was lost, they change nothing.
-- Params: $1 scope, $2 predictions as a JSON array. `age_ms` is how long ago each was made, so that times are of this server's clock.
insert into mlops.predictions (prediction_id, scope_id, request_id, ordinal, endpoint, variant, model, version, entity, features,
  prediction, latency_ms, reads, at)
select id, $1, request_id, ordinal, endpoint, variant, model, version, entity, features, prediction, latency_ms, reads,
  clock_timestamp() - age_ms * interval '1 millisecond'
from json_to_recordset($2::json) as r (id uuid, request_id text, ordinal integer, endpoint text, variant text, model text,
  version integer, entity json, features json, prediction json, latency_ms double precision, reads json, age_ms double precision)
on conflict (prediction_id) do nothing
