-- Takes parts back whose files are gone, and the ingestion watermark with them, if the caller still is the version's worker.
-- Parameters: $1 scope, $2 set, $3 version, $4 epoch, $5 locations.
-- Rows: one where it was done; none where another worker took over or the version is gone. Locks: the version's row.
with held as (
  update mlops.feature_set_versions
     set inputs = null
   where scope_id = $1 and feature_set = $2 and version = $3 and epoch = $4 and status in ('registered', 'serving')
  returning version
), forgotten as (
  delete from mlops.feature_parts as p using held
   where p.scope_id = $1 and p.feature_set = $2 and p.version = held.version and p.location = any($5::text[])
)
select version from held
