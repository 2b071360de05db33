-- Versions of a scope, the last registered first; every condition that is null is none.
-- Params: $1 scope, $2 version id, $3 model, $4 version, $5 stage, $6 framework, $7 tags that it must carry (jsonb),
-- $8 conditions on metrics as [{metric, op, value}], $9 seq of the last seen, $10 limit. A version without the metric meets no condition.
-- Rows: {seq} and the version.
select version_id as id, model as name, version, stage, framework, metrics, hyperparameters, artifacts, tags, lineage, signature,
  description, created_at as "createdAt", created_by as "createdBy", stage_changed_at as "stageChangedAt", seq
from mlops.model_versions v
where scope_id = $1
  and ($2::uuid is null or version_id = $2)
  and ($3::text is null or model = mlops.current_name($1, 'model', $3))
  and ($4::integer is null or version = $4)
  and ($5::text is null or stage = $5)
  and ($6::text is null or framework = $6)
  and ($7::jsonb is null or tags @> $7)
  and not exists (
    select from jsonb_to_recordset(coalesce($8::jsonb, '[]')) as c (metric text, op text, value double precision)
    where not coalesce(case c.op
      when '>' then (v.metrics ->> c.metric)::double precision > c.value
      when '>=' then (v.metrics ->> c.metric)::double precision >= c.value
      when '<' then (v.metrics ->> c.metric)::double precision < c.value
      when '<=' then (v.metrics ->> c.metric)::double precision <= c.value
      when '=' then (v.metrics ->> c.metric)::double precision = c.value
      when '!=' then (v.metrics ->> c.metric)::double precision != c.value
    end, false)
  )
  and ($9::bigint is null or seq < $9)
order by seq desc
limit $10
