-- Keeps answers to reads of online features, each once.
-- Params: $1 scope, $2 answers as a JSON array. `age_ms` is how long ago each was given, so that times are of this server's clock.
insert into mlops.online_answers (answer_id, scope_id, reader, entity, reads, latency_ms, at)
select id, $1, reader, entity, reads, latency_ms, clock_timestamp() - age_ms * interval '1 millisecond'
from json_to_recordset($2::json) as r (id uuid, reader text, entity json, reads json, latency_ms double precision, age_ms double precision)
on conflict (answer_id) do nothing
