-- Snapshots of each source, and whether the source is applied.
-- Parameters: $1 scope.
-- Rows: {source, applied, snapshots, bytes}. Locks: none.
select s.source, count(*)::bigint as snapshots, sum(s.bytes)::bigint as bytes,
       exists (select from mlops.resources r where r.scope_id = $1 and r.address = 'source.' || s.source) as applied
  from mlops.source_snapshots s
 where s.scope_id = $1 and s.gone_at is null
 group by s.source
 order by s.source
