-- The newest run of each instant of a pipeline that has one.
-- Params: $1 scope, $2 pipeline, $3 instants as texts (ISO 8601, UTC, milliseconds). Rows: at most one an instant.
select distinct on (i.instant) i.instant, r.run_id, r.status
from unnest($3::text[]) as i(instant)
join mlops.runs r on r.scope_id = $1 and r.pipeline = mlops.current_pipeline($1, $2) and (r.cause ->> 'instant') = i.instant
order by i.instant, r.created_at desc, r.run_id desc
