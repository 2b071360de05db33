-- Versions that are not dropped, with the sum of their parts.
-- Parameters: $1 scope, $2 set, by its name or a former one, or null for all.
-- Rows: one a version, by set and version. Locks: none.
select v.feature_set, v.version, v.storage, v.digest, v.structure, v.status, v.event_watermark, v.inputs, v.registered_at, v.serving_since,
       v.retired_at, v.retired_why, v.swept_at is not null as swept, v.kept_until, v.pushes_since,
       coalesce(p.row_count, 0)::bigint as row_count, coalesce(p.parts, 0)::bigint as parts
  from mlops.feature_set_versions v
  left join (
    select feature_set, version, sum(row_count) as row_count, count(*) as parts
      from mlops.feature_parts where scope_id = $1 group by feature_set, version
  ) p using (feature_set, version)
 where v.scope_id = $1 and v.status <> 'dropped' and ($2::text is null or v.feature_set = mlops.current_name($1, 'feature_set', $2))
 order by v.feature_set, v.version
