-- Snapshots that nothing needs are let go.

-- Nobody is given it any more; its table is being deleted, and then this row.
alter table mlops.source_snapshots add column gone_at timestamptz;
create index source_snapshots_gone on mlops.source_snapshots (scope_id, location) where gone_at is not null;
